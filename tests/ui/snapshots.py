"""The HTML of every page as it was looked at and found good, kept beside this file.

`python -m tests.ui.snapshots` writes them anew: look at the difference before it is committed.
"""

from __future__ import annotations

import re
from pathlib import Path

from sidecar.ui.render import render
from sidecar.ui.translations import language_for
from tests.ui.samples import PAGES

FOLDER = Path(__file__).parent / "snapshots"


def taken() -> dict[str, str]:
    """Name of a file -> what is in it now; what changes with each style is left out."""
    found = {}
    for name, page in PAGES.items():
        for tag in ("en", "de") if name in {"home", "compare"} else ("en",):
            html = render(page, language_for(tag))
            found[f"{name}.{tag}.html"] = re.sub(r"\?v=[0-9a-f]{12}", "?v=", html)
    return found


def main() -> None:
    """Writes all of them, and removes those of pages that are gone."""
    for path in FOLDER.glob("*.html"):
        path.unlink()
    FOLDER.mkdir(exist_ok=True)
    for name, html in taken().items():
        (FOLDER / name).write_text(html)


if __name__ == "__main__":
    main()
