"""The server's file: YAML in which one place chooses for everybody. Read whole, with care, and never written."""

from __future__ import annotations

import stat
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from sidecar.errors import SettingsError
from sidecar.preferences import DETECTION, Choices, Detection, Matching, Problem, understand

MOST_BYTES = 1_000_000
_MOST_PROBLEMS = 10
_MATCHING = "matching"
_SECTIONS = (_MATCHING, DETECTION)


def read_config_file(path: Path) -> Choices | None:
    """What the file chooses for everybody; None if there is no such file.

    Errors: SettingsError if it cannot be read or says anything that is not understood, with one line for each problem:
            file, key and reason.
    """
    text = _text(path)
    if text is None:
        return None
    content = load_yaml(text, called=str(path))
    if content is None:
        return Choices()
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: must be a mapping with the keys {' and '.join(_SECTIONS)}")
    problems = [f"{path}: {str(key)[:40]!r} {_misplaced(key)}" for key in content if key not in _SECTIONS]
    chosen: dict[str, dict[Any, object]] = {}
    for section in _SECTIONS:
        value = content.get(section)
        if not isinstance(value, dict | None):
            problems.append(f"{path}: {section}: must be a mapping of settings")
        chosen[section] = value if isinstance(value, dict) else {}
    matching = understand(Matching, chosen[_MATCHING])
    detection = understand(Detection, chosen[DETECTION])
    problems += _named(path, _MATCHING, matching.dropped)
    problems += _named(path, DETECTION, detection.dropped)
    if problems:
        raise SettingsError("\n".join(_first(problems, path)))
    return Choices(matching.layer, detection.layer)


def _named(path: Path, section: str, dropped: Iterable[Problem]) -> Iterator[str]:
    return (f"{path}: {section}.{problem}" for problem in dropped)


def load_yaml(text: str, *, called: str, on_braces: str = "put a text that has { and } in quotes") -> Any:
    """What the text says, of plain values, lists and mappings.

    Errors: SettingsError that opens with `called` and says line and column, and on_braces where braces stand in the
            line, as they do in patterns. Besides what is no YAML, it refuses aliases, of which nine lines can make a
            billion values, and a key that stands twice in one mapping.
    Source: YAML 1.1 as PyYAML reads it: yes, no, on and off are true and false, too.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader with less, not more
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        problem = " ".join(str(error.problem or error.context).split())
    except yaml.reader.ReaderError as error:
        line, column = _place(text, error.position)
        problem = "a character that may not stand in YAML"
    except RecursionError:
        raise SettingsError(f"{called}: is nested too deeply") from None
    lines = text.splitlines()
    hint = f"; {on_braces}" if line < len(lines) and "{" in lines[line] else ""
    raise SettingsError(f"{called}: line {line + 1}, column {column + 1}: {problem}{hint}")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without what surprises; its errors all have a place."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise ConstructorError(None, None, "aliases are not read here", mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  # PyYAML's own
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
            # PyYAML trusts its own patterns: `0x_` or `2024-99-99` break its conversion, not its grammar.
            raise ConstructorError(None, None, "a value that cannot be read", node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise ConstructorError(None, None, f"{key.value[:40]!r} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _misplaced(key: object) -> str:
    for section, kind in ((_MATCHING, Matching), (DETECTION, Detection)):
        if key in kind.model_fields:
            return f"stands too far left: it belongs under {section}"
    return f"is no section of this file; there are {' and '.join(_SECTIONS)}"


def _text(path: Path) -> str | None:
    try:
        # Never a pipe, which may keep the start waiting for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SettingsError(f"{path}: must be a file, and is a folder or something else")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > MOST_BYTES:
        raise SettingsError(f"{path}: is larger than {MOST_BYTES // 1_000_000} MB; this is not the file you mean")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line, column = _place(content, error.start)
        raise SettingsError(f"{path}: line {line + 1}, column {column + 1}: is not written in UTF-8") from None


def _place(text: str | bytes, position: int) -> tuple[int, int]:
    """Line and column of a position, both from 0."""
    before = text[:position] if isinstance(text, str) else text[:position].decode()
    return before.count("\n"), len(before) - (before.rfind("\n") + 1)


def _first(problems: Sequence[str], path: Path) -> list[str]:
    left = len(problems) - _MOST_PROBLEMS
    return [*problems[:_MOST_PROBLEMS], *([f"{path}: {left} more"] if left > 0 else [])]
