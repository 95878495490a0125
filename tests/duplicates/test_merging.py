from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.duplicates.merging import Gain, Knowledge, Part, PartKind, is_given, plan_merge
from tests.builders import asset_id

A, B, C = asset_id(1), asset_id(2), asset_id(3)


@pytest.mark.parametrize(
    ("keeper", "going", "gain"),
    [
        pytest.param({}, [{}], Gain(), id="nothing to gain"),
        pytest.param({}, [{"is_favorite": True}], Gain((Part(PartKind.FAVORITE, source_id=B),)), id="a favourite"),
        pytest.param({"is_favorite": True}, [{"is_favorite": True}], Gain(), id="a favourite already"),
        pytest.param(
            {}, [{"rating": 2}, {"rating": 4}], Gain((Part(PartKind.RATING, source_id=C),), rating=4), id="best rating"
        ),
        pytest.param({}, [{"rating": -1}], Gain((Part(PartKind.RATING, source_id=B),), rating=-1), id="a rejection"),
        pytest.param({"rating": 1}, [{"rating": 5}], Gain(), id="its own rating stays"),
        pytest.param(
            {}, [{"description": "Sea"}], Gain((Part(PartKind.DESCRIPTION),), description="Sea"), id="a description"
        ),
        pytest.param({"description": "The Sea"}, [{"description": "Sea"}], Gain(), id="said already"),
        pytest.param(
            {"description": "Sea"},
            [{"description": "Holiday"}, {"description": " Holiday "}, {"description": "  "}],
            Gain((Part(PartKind.DESCRIPTION),), description="Sea\nHoliday"),
            id="each text once, below",
        ),
        pytest.param(
            {}, [{}, {"place": (1.0, 2.0)}], Gain((Part(PartKind.PLACE, source_id=C),), place=(1.0, 2.0)), id="a place"
        ),
        pytest.param({"place": (0.0, 0.0)}, [{"place": (1.0, 2.0)}], Gain(), id="its own place stays"),
        pytest.param(
            {"albums": ("x",), "tags": ("t",)},
            [{"albums": ("x", "z"), "links": ("l",)}, {"albums": ("y", "z"), "tags": ("s", "t")}],
            Gain(
                (
                    Part(PartKind.TAG, "s", C),
                    Part(PartKind.ALBUM, "y", C),
                    Part(PartKind.ALBUM, "z", B),
                    Part(PartKind.LINK, "l", B),
                )
            ),
            id="albums, tags and links, what others see last",
        ),
    ],
)
def test_the_keeper_gains_what_it_lacks(keeper: dict[str, object], going: list[dict[str, object]], gain: Gain) -> None:
    known = [Knowledge(each, **facts) for each, facts in zip((B, C, asset_id(4)), going, strict=False)]  # type: ignore[arg-type]
    assert plan_merge(Knowledge(A, **keeper), known) == gain  # type: ignore[arg-type]


def test_a_place_may_lose_its_last_digits() -> None:
    gain = plan_merge(Knowledge(A), [Knowledge(B, place=(1.23456789, 2.0))])
    (part,) = gain.parts
    assert is_given(part, gain, Knowledge(A, place=(1.234567, 2.0)))
    assert not is_given(part, gain, Knowledge(A, place=(1.3, 2.0)))
    assert not is_given(part, gain, Knowledge(A))


def test_what_is_gained_is_told_by_kind() -> None:
    gain = plan_merge(Knowledge(A), [Knowledge(B, albums=("x", "y"), tags=("t",))])
    assert (gain.ids(PartKind.ALBUM), gain.ids(PartKind.TAG), gain.ids(PartKind.LINK)) == (("x", "y"), ("t",), ())


NAMES = st.lists(st.sampled_from("xyz"), unique=True).map(lambda names: tuple(sorted(names)))
KNOWLEDGE = st.builds(
    Knowledge,
    st.just(B),
    is_favorite=st.booleans(),
    rating=st.sampled_from([None, -1, 1, 5]),
    description=st.sampled_from(["", "Sea", "Holiday", "Sea\nHoliday"]),
    place=st.sampled_from([None, (1.0, 2.0), (3.0, 4.0)]),
    albums=NAMES,
    tags=NAMES,
    links=NAMES,
)


@given(KNOWLEDGE, st.lists(KNOWLEDGE, max_size=3))
def test_given_all_of_it_the_keeper_lacks_nothing_and_has_lost_nothing(
    keeper: Knowledge, going: list[Knowledge]
) -> None:
    gain = plan_merge(keeper, going)
    assert not any(is_given(part, gain, keeper) for part in gain.parts)
    after = replace(
        keeper,
        is_favorite=keeper.is_favorite or any(part.kind is PartKind.FAVORITE for part in gain.parts),
        rating=gain.rating if gain.rating is not None else keeper.rating,
        description=gain.description if gain.description is not None else keeper.description,
        place=gain.place or keeper.place,
        albums=tuple(sorted({*keeper.albums, *gain.ids(PartKind.ALBUM)})),
        tags=tuple(sorted({*keeper.tags, *gain.ids(PartKind.TAG)})),
        links=tuple(sorted({*keeper.links, *gain.ids(PartKind.LINK)})),
    )
    assert all(is_given(part, gain, after) for part in gain.parts)
    assert plan_merge(after, going) == Gain()
    for each in going:
        assert set(each.albums) <= set(after.albums)
        assert each.description.strip() in after.description or keeper.description
        assert after.is_favorite or not each.is_favorite
