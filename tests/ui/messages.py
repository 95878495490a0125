"""The texts of the pages as they stand in code and templates, against what is translated.

`python -m tests.ui.messages` prints what German still lacks, as it is to be written into a file of the catalogue.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir

import sidecar
from sidecar.ui.translations import LANGUAGES, WRITTEN_IN, catalogue

PACKAGE = Path(sidecar.__file__).parent
_METHODS = [("ui/templates/**.html", "jinja2"), ("handlers/pages/**.py", "python"), ("ui/**.py", "python")]
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}


def written() -> Catalog:
    """Every text that code or a template marks for translation."""
    found = Catalog(locale=WRITTEN_IN)
    for file, line, message, _, _ in extract_from_dir(
        PACKAGE, _METHODS, {"**": {"extensions": "", "silent": "false"}}, keywords=_KEYWORDS
    ):
        found.add(message, locations=[(file, line)])
    return found


def lacking(tag: str) -> list[Message]:
    """Those of them that a language does not have."""
    translated = catalogue(tag)
    return [each for each in written() if each.id and not _is_there(translated.get(each.id))]


def _is_there(message: Message | None) -> bool:
    if message is None:
        return False
    return all(message.string) if isinstance(message.string, tuple | list) else bool(message.string)


def main() -> None:
    """Prints what every language lacks."""
    for tag in LANGUAGES:
        for message in lacking(tag) if tag != WRITTEN_IN else ():
            singular, *plural = message.id if isinstance(message.id, tuple | list) else (message.id,)
            print(f"msgid {_quoted(singular)}")
            for each in plural:
                print(f'msgid_plural {_quoted(each)}\nmsgstr[0] ""')
            print('msgstr[1] ""\n' if plural else 'msgstr ""\n')


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    main()
