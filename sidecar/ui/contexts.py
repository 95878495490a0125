"""One frozen dataclass a page: all that its template may know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


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

    Shape:  name is None for whoever is not signed in, numbers for whoever is not connected. permissions are those that
            a key made now would hold. problem is a sentence about what was tried last and was refused. is_immich_away
            says that it could not be found out who asks.
    """

    template: ClassVar[str] = "home.html"

    version: str
    base_path: str
    name: str | None = None
    numbers: Numbers | None = None
    can_connect: bool = False
    permissions: tuple[str, ...] = ()
    problem: str | None = None
    is_immich_away: bool = False
