"""`make bench`: every figure that we claim, measured here and now. Quote ratios: machines are noisy.

`python -m tests.bench [SECTION ...]` measures only some; "peers" is measured only when it is named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import events, faults, pages, pairing, photos, proxy, scanning, soak, workers
from tests.bench.duplicates import __main__ as duplicates

SECTIONS: dict[str, Callable[[], None]] = {
    "pairing": pairing.main,
    "scanning": scanning.main,
    "events": events.main,
    "photos": photos.main,
    "pages": pages.main,
    "proxy": proxy.main,
    "duplicates": duplicates.main,
    "faults": faults.main,
    "soak": soak.main,
    "workers": workers.main,
    "peers": lambda: duplicates.main(["peers"]),
}
UNASKED = ("pairing", "scanning", "events", "photos", "pages", "proxy", "duplicates", "faults", "soak", "workers")


def main(words: list[str]) -> None:
    """Measures the sections of these names, or all that need nothing but this project.

    Errors: SystemExit if there is no such section.
    """
    if unknown := set(words) - set(SECTIONS):
        raise SystemExit(f"There is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}.")
    for section in words or UNASKED:
        SECTIONS[section]()


if __name__ == "__main__":
    main(sys.argv[1:])
