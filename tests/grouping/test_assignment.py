from __future__ import annotations

from typing import Any

import pytest

from sidecar.grouping.assignment import assign, folder_steps
from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.registry import RULES
from sidecar.grouping.settings import PairingRules
from tests.builders import make_asset

CANON = {"make": "Canon", "model": "EOS R5"}
NIKON = {"make": "Nikon", "model": "Z 6"}
NO_CAMERA = {"make": None, "model": None}

Given = dict[str, tuple[str, dict[str, Any]]]


def assigned(given: Given, rules: PairingRules | None = None) -> list[tuple[str, bool]]:
    """Groups as the sorted letters of their members, with whether each is clear; the same for both input orders."""
    letter_of = {}
    candidates = []
    for letter, (name, changes) in given.items():
        candidate = candidate_of(make_asset(name, **changes))
        letter_of[candidate.asset.id] = letter
        candidates.append(candidate)
    outcomes = [
        sorted(
            ("".join(sorted(letter_of[member.asset.id] for member in cluster.members)), cluster.is_clear)
            for cluster in assign(order, rules or PairingRules(), RULES)
        )
        for order in (candidates, candidates[::-1])
    ]
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        pytest.param(
            {"r": ("A.CR2", {}), "j": ("A.JPG", {"at_s": 2}), "h": ("A.HEIC", {"at_s": -2})},
            [("hjr", True)],
            id="all near one anchor, not near each other",
        ),
        pytest.param(
            {
                "a": ("A.CR2", {}),
                "b": ("A.JPG", {"at_s": 0.1}),
                "c": ("A.HEIC", {"at_s": 2.05}),
                "d": ("A.PNG", {"at_s": 2.15}),
            },
            [("ab", True), ("cd", True)],
            id="a chain without an anchor is cut where it is thinnest",
        ),
        pytest.param(
            {
                "a": ("A.CR2", {}),
                "b": ("A.JPG", {"at_s": 0.3}),
                "c": ("A.HEIC", {"at_s": 2.2}),
                "d": ("A.PNG", {"at_s": 3.7}),
            },
            [("ab", True), ("cd", False)],
            id="who could have joined others is doubtful, the others are not",
        ),
        pytest.param(
            {
                "a": ("A.CR2", {}),
                "b": ("A.JPG", {"at_s": 1.5}),
                "c": ("A.HEIC", {"at_s": 3}),
                "d": ("A.PNG", {"at_s": 4.5}),
            },
            [("abc", False)],
            id="an even chain is nobody's to cut",
        ),
        pytest.param(
            {"r": ("A.CR2", {"at_s": 1.5}), "j": ("A.JPG", {}), "k": ("A.JPG", {"at_s": 3})},
            [("jkr", False)],
            id="a RAW between two equal JPEGs that are not near each other",
        ),
        pytest.param({"j": ("A.JPG", {}), "k": ("A.JPG", {})}, [], id="equal ones are no versions"),
        pytest.param({"j": ("A.JPG", {}), "k": ("A.JPG", {}), "l": ("A.JPG", {})}, [], id="nor are three"),
        pytest.param(
            {"r": ("A.CR2", {}), "j": ("A.JPG", {}), "k": ("A.JPG", {})}, [("jkr", False)], id="two JPEGs for one RAW"
        ),
        pytest.param(
            {"r": ("A.CR2", {}), "s": ("A.CR2", {}), "j": ("A.JPG", {})}, [("jrs", False)], id="two RAWs for one JPEG"
        ),
        pytest.param(
            {"r": ("A.CR2", {}), "d": ("A.DNG", {}), "j": ("A.JPG", {})}, [("djr", True)], id="a RAW and the DNG of it"
        ),
        pytest.param(
            {
                "r": ("A.CR2", {"folder": "/a"}),
                "j": ("A.JPG", {"folder": "/a"}),
                "k": ("A.JPG", {"folder": "/b"}),
            },
            [("jr", True)],
            id="the folder decides between equal JPEGs",
        ),
        pytest.param(
            {
                "r": ("A.CR2", {"folder": "/x/raw"}),
                "j": ("A.JPG", {"folder": "/x/jpeg"}),
                "s": ("A.CR2", {"folder": "/y/raw"}),
                "k": ("A.JPG", {"folder": "/y/jpeg"}),
            },
            [("jr", True), ("ks", True)],
            id="so does the nearer folder",
        ),
        pytest.param(
            {"n": ("A.NEF", NIKON), "c": ("A.CR2", CANON), "x": ("A.JPG", NO_CAMERA)},
            [("cnx", False)],
            id="an unknown camera fits both",
        ),
        pytest.param(
            {
                "n": ("A.NEF", {**NIKON, "folder": "/n"}),
                "c": ("A.CR2", {**CANON, "folder": "/c"}),
                "x": ("A.JPG", {**NO_CAMERA, "folder": "/c"}),
            },
            [("cx", True)],
            id="unless its folder decides",
        ),
        pytest.param(
            {
                "n": ("A.NEF", NIKON),
                "m": ("A.JPG", NIKON),
                "c": ("A.CR2", {**CANON, "at_s": 0.4}),
                "d": ("A.JPG", {**CANON, "at_s": 0.4}),
            },
            [("cd", True), ("mn", True)],
            id="two cameras",
        ),
        pytest.param(
            {
                "r": ("A.NEF", {"at_s": 0.25}),
                "j": ("A.JPG", {"at_s": 0.25}),
                "s": ("A.NEF", {"at_s": 0.75}),
                "k": ("A.JPG", {"at_s": 0.75}),
            },
            [("jr", True), ("ks", True)],
            id="two bodies in one second, told apart by fractions",
        ),
        pytest.param(
            {
                "r": ("A.NEF", {}),
                "j": ("A.JPG", {"at_s": 0.4}),
                "s": ("A.NEF", {"at_s": 1}),
                "k": ("A.JPG", {"at_s": 1.2}),
            },
            [("jkrs", False)],
            id="two bodies in one second, not quite",
        ),
        pytest.param(
            {"r": ("A.NEF", {}), "j": ("A.JPG", {}), "k": ("A.JPG", {"at_s": 1})},
            [("jr", True)],
            id="a whole second farther is clear",
        ),
        pytest.param(
            {"r": ("A.NEF", {}), "j": ("A.JPG", {}), "k": ("A.JPG", {"at_s": 0.999})},
            [("jkr", False)],
            id="less is not",
        ),
    ],
)
def test_the_nearest_join_and_ties_are_doubtful(given: Given, groups: list[tuple[str, bool]]) -> None:
    assert assigned(given) == groups


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        pytest.param(None, None, 0, id="two uploads"),
        pytest.param("/a/b", "/a/b", 0, id="one folder"),
        pytest.param("/a/b", "/a/b/c", 1, id="a folder within"),
        pytest.param("/a/b", "/a/c", 2, id="neighbours"),
        pytest.param("/a/b/", "/a/b/c/d", 2, id="a slash at the end"),
        pytest.param("/a", None, 1_000, id="an upload is nowhere"),
        pytest.param(None, "/a", 1_000, id="in either order"),
    ],
)
def test_folders_are_as_far_as_the_way_between_them(one: str | None, other: str | None, steps: int) -> None:
    assert folder_steps(one, other) == steps
