"""Which room may import which: the arrows of ARCHITECTURE.md as a table, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sidecar"

OPEN_TO_ALL = {"model", "errors", "formats", "__init__"}
"""The vocabulary; may itself import nothing of ours but each other."""

OPEN_TO_ALL_BUT_THE_PURE = OPEN_TO_ALL | {"settings", "log", "measures", "redaction"}

# Room -> the rooms it may import beside those open to all. One way only: nothing below imports anything above.
ARROWS: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    "formats": set(),
    "__init__": set(),
    "preferences": {"grouping", "duplicates"},
    "config_file": {"preferences"},
    "settings": {"preferences", "config_file"},
    "log": set(),
    "measures": set(),
    "redaction": set(),
    "grouping": set(),
    "duplicates": set(),
    "media": {"duplicates"},
    "immich_client": set(),
    "ui": set(),
    "storage": {"grouping", "duplicates"},
    "accounts": {"immich_client", "storage", "settings"},
    "jobs": {"accounts", "immich_client", "storage", "media", "grouping", "duplicates", "preferences"},
    "events": {"jobs", "accounts", "immich_client", "storage"},
    "data_folder": set(),
    "plugins": {"grouping", "duplicates"},
    "wiring": {"accounts", "events", "immich_client", "jobs", "storage", "media", "grouping", "data_folder", "plugins"},
    "keys": {"wiring"},
    "handlers": {
        "keys",
        "wiring",
        "events",
        "jobs",
        "accounts",
        "storage",
        "ui",
        "immich_client",
        "grouping",
        "duplicates",
        "preferences",
    },
    "app": {"handlers", "events", "keys", "wiring", "ui"},
    "worker": {"jobs"},
    "demo": {"media"},
    "commands": {
        "media",
        "app",
        "events",
        "worker",
        "wiring",
        "data_folder",
        "accounts",
        "jobs",
        "storage",
        "grouping",
        "duplicates",
        "preferences",
        "config_file",
        "immich_client",
        "demo",
    },
    "cli": {"commands"},
    "__main__": {"cli"},
}

PURE = {"model", "errors", "formats", "grouping", "duplicates"}
NOT_IN_PURE_ROOMS = {
    "aiohttp", "arq", "asyncio", "datetime", "httpcore", "httpx", "io", "logging", "os", "pathlib", "random", "redis",
    "secrets", "socket", "sqlalchemy", "sqlite3", "subprocess", "time", "uuid",
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "migrations" not in path.parts:
            yield room_of(path), path


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from sidecar.storage import work` names a module behind the dot.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("room", "path"), [pytest.param(*each, id=str(each[1].relative_to(PACKAGE))) for each in modules()]
)
def test_imports_point_downwards_only(room: str, path: Path) -> None:
    allowed = ARROWS[room] | {room} | (OPEN_TO_ALL if room in PURE else OPEN_TO_ALL_BUT_THE_PURE)
    for name in imports_of(path):
        first, _, rest = name.partition(".")
        if first == "sidecar":
            target = (
                rest.partition(".")[0]
                if (PACKAGE / rest.partition(".")[0]).is_dir() or (PACKAGE / f"{rest.partition('.')[0]}.py").exists()
                else "__init__"
            )
            assert target in allowed, f"{path.name} may not import {name}"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for room, path in modules() if room in PURE])
def test_pure_rooms_do_no_input_or_output(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports_of(path)} & NOT_IN_PURE_ROOMS


def test_every_room_has_its_arrows_and_opens_with_what_it_owns() -> None:
    assert {room for room, _ in modules()} == ARROWS.keys()
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent.name != "_generated":
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_sql_lives_in_storage_only() -> None:
    outside = {
        path.name
        for room, path in modules()
        if room != "storage"
        for name in imports_of(path)
        if name.startswith("sqlalchemy") and not name.startswith("sqlalchemy.ext.asyncio.AsyncConnection")
    }
    assert outside == set()


def test_only_settings_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(PACKAGE))
        for _, path in modules()
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    # pylibmagic points the loader at its library by way of the environment; sniff.py puts that back as it was.
    assert readers == {"media/sniff.py"}


def test_no_module_imports_itself_however_far_around() -> None:
    """So each can be imported alone, in whatever order somebody asks for them."""
    every = {
        ".".join(("sidecar", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
        for _, path in modules()
    }
    graph = {name: set(imported_when_loading(path, every)) - {name} for name, path in every.items()}
    assert sum(map(len, graph.values())) > len(graph)
    list(TopologicalSorter(graph).static_order())


def imported_when_loading(path: Path, every: Collection[str]) -> Iterator[str]:
    """What of ours is loaded with the module: the modules that it names, not what they define."""
    for node in statements_run_at_once(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in every)
        elif isinstance(node, ast.ImportFrom):
            within = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in every else str(node.module) for name in within if name.startswith("sidecar"))


def statements_run_at_once(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement
            for inner in ("body", "orelse", "finalbody"):
                yield from statements_run_at_once(getattr(statement, inner, []))
