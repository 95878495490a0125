"""One frozen dataclass a page: all that its template may know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class HomePage:
    """The front page; numbers are sums over all connected users."""

    template: ClassVar[str] = "home.html"

    version: str
    base_path: str
    users: int
    assets: int
    stacks: int
    pending: int
    review: int
    is_scanning: bool
