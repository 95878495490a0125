from __future__ import annotations

import pytest

from sidecar.grouping.camera import RULE, agree
from sidecar.grouping.candidate import camera_of, candidate_of
from sidecar.grouping.settings import PairingRules
from tests.builders import make_asset


@pytest.mark.parametrize(
    ("one", "other", "do_agree"),
    [
        pytest.param((None, None), ("Canon", "Canon EOS R5"), True, id="unknown agrees with anything"),
        pytest.param((None, "Z 6"), ("NIKON CORPORATION", "NIKON Z 6"), True, id="a missing make is unknown"),
        pytest.param(("Nikon", None), ("NIKON CORPORATION", "NIKON Z 6"), True, id="a missing model is unknown"),
        pytest.param(("Nikon", None), ("Canon", None), False, id="makes differ"),
        pytest.param(("Nikon", "Z 6"), ("Nikon", "Z 7"), False, id="models differ"),
        pytest.param((None, "Z 6"), ("Nikon", "Z 7"), False, id="models differ though a make is missing"),
        pytest.param(("SAMSUNG", "sm-s918b"), ("samsung", "SM-S918B"), True, id="case"),
        pytest.param(("OLYMPUS IMAGING CORP.", "E-M5MarkII"), ("Olympus", "E-M5 Mark II"), True, id="spaces"),
    ],
)
def test_cameras_agree_where_both_are_known(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], *, do_agree: bool
) -> None:
    assert agree(camera_of(*one), camera_of(*other)) is do_agree
    assert agree(camera_of(*other), camera_of(*one)) is do_agree


def test_the_objection_names_both_cameras_in_one_order() -> None:
    canon = candidate_of(make_asset())
    nikon = candidate_of(make_asset(make="Nikon", model="Z 6"))
    objection = RULE.objection(nikon, canon, PairingRules())
    assert str(objection) == "different cameras: Canon EOS R5 and Nikon Z 6"
    assert RULE.objection(canon, nikon, PairingRules()) == objection


def test_one_known_camera_says_nothing_about_the_others() -> None:
    known, unknown = candidate_of(make_asset()), candidate_of(make_asset(make=None, model=None))
    assert RULE.support([known, unknown]) is None
    assert str(RULE.support([unknown, known, known])) == "one camera: Canon EOS R5"
