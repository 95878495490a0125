"""What a rule of pairing is: a look at two candidates that may object, and a look at a group that may support it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason
from sidecar.grouping.settings import PairingRules


@dataclass(frozen=True, slots=True)
class PairRule:
    """One rule.

    Shape:  objection gives why two candidates cannot be in one group, None if this rule does not mind; it must answer
            the same for (a, b) and (b, a). support gives what speaks for a finished group, first member first, None if
            this rule has nothing to say.
    """

    name: str
    objection: Callable[[Candidate, Candidate, PairingRules], Reason | None]
    support: Callable[[Sequence[Candidate]], Reason | None]


def no_support(_members: Sequence[Candidate]) -> None:
    """For rules that only forbid."""
