"""What a rule of pairing is: a look at two candidates that may object, and a look at a group that may support it.

A rule of another package is one more PairRule. This one keeps apart what was scanned from what a camera took:

    def _objection(one: Candidate, other: Candidate, rules: PairingRules) -> Reason | None:
        if _is_scan(one.asset) == _is_scan(other.asset):
            return None
        return Reason(ReasonCode.OTHER, "one is a scan, the other is a photograph")

    RULE = PairRule("scans", _objection, no_support)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason
from sidecar.grouping.settings import PairingRules


@dataclass(frozen=True, slots=True)
class PairRule:
    """One rule.

    Rules only ever forbid: candidates meet by their names or their burst, and are one group if no rule objects. A rule
    cannot bring together what others keep apart.

    Shape:  name is for logs and settings: one word that no other rule has.
            objection is given two different candidates of one owner whose names have one stem, or who are frames of one
            burst, and the user's settings. It gives why the two cannot be in one group, None if this rule does not
            mind. One objection is enough, and people read the first, in the order of the rules. Only the built-in rules
            of time and difference are not asked about frames.
            support is given the members of a finished group, the cover first. It gives what speaks for the group, for
            people to read; None if this rule has nothing to say. It changes nothing about the group.
            Whatever a rule says has a Reason: one of the codes that fits, or ReasonCode.OTHER with a sentence as its
            detail, in lower case and without a full stop.
    Units:  as in Asset; an asset holds all that may be looked at.
    Errors: none. What a rule raises stops the pairing of these stems, which are tried again later.

    objection answers the same for (a, b) and (b, a), and the same whenever it is asked: no clock, no chance, no file,
    no network, and nothing remembered from one question to the next. It is asked about once for every two files of one
    name, a million times in a large library: a microsecond is good, a millisecond is a quarter of an hour.
    """

    name: str
    objection: Callable[[Candidate, Candidate, PairingRules], Reason | None]
    support: Callable[[Sequence[Candidate]], Reason | None]


def no_support(_members: Sequence[Candidate]) -> None:
    """For rules that only forbid."""
