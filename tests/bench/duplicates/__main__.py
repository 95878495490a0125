"""Every figure about duplicates: python -m tests.bench.duplicates [quality] [quick] [search] [exact] [peers].

Without words everything but the peers, which need programs of others: see tests/bench/duplicates/peers.py.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.bench.duplicates import exact, peers, quality, quick, search
from tests.bench.duplicates.material import photographs

SECTIONS = ("search", "exact", "quick", "quality", "peers")


def main(words: Sequence[str] = ()) -> None:
    """Prints the sections that were asked for.

    Errors: SystemExit if there is no such section.
    """
    if unknown := set(words) - set(SECTIONS):
        raise SystemExit(f"There is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}.")
    wanted = set(words) or set(SECTIONS) - {"peers"}
    material = photographs()
    print(f"Duplicates: {material.describe()}")
    if "search" in wanted:
        search.main()
    if "exact" in wanted:
        exact.main()
    if "quick" in wanted:
        quick.main(material)
    looked = quality.main(material) if "quality" in wanted else []
    if "peers" in wanted:
        peers.main(looked or quality.library(material))


if __name__ == "__main__":
    main(sys.argv[1:])
