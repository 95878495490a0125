"""`python -m behaviour.table` writes docs/compatibility.md: what the suite looks at, and on which servers it passed."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from behaviour.differences import DIFFERENCES, has
from openapi.pin import read_pins
from sidecar.immich_client.contract.description import version_numbers
from sidecar.immich_client.contract.terms import load_contract

FOLDER = Path(__file__).parent
LIVE = FOLDER.parent / "live"
PAGE = FOLDER.parents[1] / "docs" / "compatibility.md"
BOTH, EMULATED, NEITHER, FAILED = "●", "○", "-", "✗"

_HEAD = """\
# Immich's versions

Written by `python -m behaviour.table` from the suite in `contract-tests/behaviour/`; tests fail when it is stale.

The sidecar is tested with Immich {versions}. What it relies on are {operations} operations;
`sidecar doctor` compares them with what your server says of itself. Other versions from {oldest} on work as far as
that comparison allows: reading always, and each change only where nothing that it rests on has changed.

{both} passed on a real server and on the emulated one · {emulated} on the emulated one ·
{neither} not in this version · {failed} failed on a real server

"""


@dataclass(frozen=True)
class Behaviour:
    """One test of the suite: its id, what it says in a line, and the subject that only later versions have."""

    id: str
    says: str
    needs: str | None


def behaviours() -> dict[str, list[Behaviour]]:
    """File -> its tests, in their order, as they stand in the source."""
    return {path.name: list(_tests(path)) for path in sorted(FOLDER.glob("test_*.py"))}


def _tests(path: Path) -> Iterator[Behaviour]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_"):
            says = (ast.get_docstring(node) or "").partition("\n")[0]
            yield Behaviour(f"contract-tests/behaviour/{path.name}::{node.name}", says, _needs(node))


def _needs(node: ast.AsyncFunctionDef) -> str | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.needs":
            [argument] = decorator.args
            return str(ast.literal_eval(argument))
    return None


def page() -> str:
    """The whole page."""
    pins = [pin.immich for pin in read_pins()]
    live = {path.stem: json.loads(path.read_text("utf-8")) for path in LIVE.glob("*.json")}
    versions = sorted({*pins, *live}, key=version_numbers)
    head = _HEAD.format(
        versions=f"{', '.join(pins[:-1])} and {pins[-1]}",
        oldest=pins[0],
        operations=len(load_contract().calls),
        both=BOTH,
        emulated=EMULATED,
        neither=NEITHER,
        failed=FAILED,
    )
    lines = [*head.splitlines(), f"| | {' | '.join(versions)} |", f"|---|{'---|' * len(versions)}"]
    for tests in behaviours().values():
        for each in tests:
            cells = [_cell(each, version, pins, live.get(version, {})) for version in versions]
            lines.append(f"| {each.says} | {' | '.join(cells)} |")
    lines += ["", "## Where they differ", "", "| | before | since | from |", "|---|---|---|---|"]
    for what, (since, before, now) in DIFFERENCES.items():
        lines.append(f"| {what} | {_shown(before)} | {_shown(now)} | {since} |")
    return "\n".join(lines) + "\n"


def _cell(each: Behaviour, version: str, pins: list[str], live: dict[str, str]) -> str:
    if each.needs is not None and not has(version_numbers(version), each.needs):
        return NEITHER
    if live.get(each.id) == "failed":
        return FAILED
    if live.get(each.id) == "passed":
        return BOTH
    return EMULATED if version in pins else ""


def _shown(value: object) -> str:
    if isinstance(value, set):
        return ", ".join(f"`{each}`" for each in sorted(value))
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
