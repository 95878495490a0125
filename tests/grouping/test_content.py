from __future__ import annotations

from typing import Any

import pytest

from sidecar.formats import Format
from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.content import contradiction, wants_a_look
from sidecar.grouping.engine import Confidence, pair
from sidecar.model import AssetKind
from tests.builders import make_asset


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("A.JPG", None, None, id="nobody looked"),
        pytest.param("A.JPG", Format.JPEG, None, id="as the name says"),
        pytest.param("A.JPG", Format.HEIC, "the name says jpeg, the content is heic", id="another format"),
        pytest.param("A.CR2", Format.TIFF, "the name says raw, the content is tiff", id="a TIFF that is no RAW"),
        pytest.param("A.JPG", Format.UNKNOWN, "the content is no picture or video", id="no media"),
        pytest.param("A", Format.JPEG, None, id="a name that says nothing"),
        pytest.param("A.txt", Format.UNKNOWN, "the content is no picture or video", id="nor does the content"),
    ],
)
def test_a_name_and_its_content_may_contradict_each_other(
    name: str, content: Format | None, sentence: str | None
) -> None:
    found = contradiction(candidate_of(make_asset(name, content=content)))
    assert (str(found) if found else None) == sentence


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        pytest.param("A.JPG", {}, False, id="a plain name"),
        pytest.param("A", {}, True, id="no extension"),
        pytest.param("A.txt", {}, True, id="an unknown one"),
        pytest.param("A.RAW", {}, True, id="one that several makers share"),
        pytest.param("A.RW2", {}, False, id="a RAW of one maker"),
        pytest.param("A.JPG", {"width": None}, True, id="read, but without a width"),
        pytest.param("A.JPG", {"height": 0}, True, id="read, but without a height"),
        pytest.param("A.JPG", {"width": None, "is_extracted": False}, False, id="not read yet"),
        pytest.param("A.MOV", {"width": None, "kind": AssetKind.VIDEO}, False, id="a clip"),
        pytest.param("A.RAW", {"content": Format.RAW}, False, id="looked at"),
        pytest.param("A", {"content": Format.UNKNOWN}, False, id="looked at in vain"),
    ],
)
def test_what_a_name_tells_too_little_about_wants_a_look(name: str, changes: dict[str, Any], *, expected: bool) -> None:
    assert wants_a_look(candidate_of(make_asset(name, **changes))) is expected


def test_who_contradicts_his_name_takes_no_part() -> None:
    raw, jpeg, heic, text = (
        make_asset("A.CR2"),
        make_asset("A.JPG", content=Format.JPEG),
        make_asset("a.jpg", content=Format.HEIC),
        make_asset("A.PNG", content=Format.UNKNOWN),
    )
    found = pair([raw, jpeg, heic, text])
    assert [proposal.member_ids for proposal in found.proposals] == [(jpeg.id, raw.id)]
    assert found.proposals[0].confidence is Confidence.CERTAIN
    assert [(left.asset_ids, str(left.reason)) for left in found.left_alone] == [
        ((heic.id,), "the name says jpeg, the content is heic"),
        ((text.id,), "the content is no picture or video"),
    ]


def test_nothing_is_said_about_files_without_a_partner() -> None:
    assert pair([make_asset("A.JPG", content=Format.HEIC)]).left_alone == ()


def test_members_that_want_a_look_are_listed() -> None:
    raw, jpeg = make_asset("A.raw"), make_asset("A.JPG", width=None)
    single, certain = make_asset("B.raw"), [make_asset("C.RW2"), make_asset("C.JPG")]
    found = pair([raw, jpeg, single, *certain])
    assert found.in_doubt == tuple(sorted((raw.id, jpeg.id)))
    assert {proposal.confidence for proposal in found.proposals} == {Confidence.CERTAIN}


def test_a_content_stands_in_for_a_name_that_says_nothing() -> None:
    raw, nameless = make_asset("A.CR2"), make_asset("A")
    (before,) = pair([raw, nameless]).proposals
    assert (before.confidence, pair([raw, nameless]).in_doubt) == (Confidence.DOUBTFUL, (nameless.id,))
    looked_at = make_asset("A", id=nameless.id, content=Format.JPEG)
    (after,) = pair([raw, looked_at]).proposals
    assert (after.member_ids, after.confidence) == ((nameless.id, raw.id), Confidence.CERTAIN)
    assert pair([raw, looked_at]).in_doubt == ()
    assert pair([raw, make_asset("A", content=Format.RAW)]).in_doubt == ()
