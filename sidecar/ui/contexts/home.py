"""The front page: sign in, connect, or what there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sidecar.ui.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Numbers:
    """How much there is of one user's, and how much waits for them."""

    assets: int
    stacks: int
    duplicate_sets: int
    pending: int
    review: int
    is_scanning: bool


@dataclass(frozen=True, slots=True)
class HomePage:
    """The front page, of one visitor.

    Shape:  numbers is None for whoever is not connected. permissions are those that a key made now would hold. problem
            is a sentence about what was tried last and was refused. sign_in leads to Immich's own page.
    """

    template: ClassVar[str] = "home.html"
    fragment: ClassVar[str] = ""

    frame: Frame
    sign_in: str
    numbers: Numbers | None = None
    can_connect: bool = False
    permissions: tuple[str, ...] = ()
    problem: str | None = None
