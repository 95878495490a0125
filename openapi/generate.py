"""Command line: cuts descriptions to pins, merges pins into contract.json, writes sidecar/immich_client/_generated/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from openapi.emit import emit
from openapi.merge import merge
from openapi.pin import Pin, pin_text, published_text, read_pins
from openapi.selection import load_selection
from openapi.trim import trim
from sidecar.immich_client.contract.description import DescriptionError, version_numbers
from sidecar.immich_client.contract.terms import contract_text

ROOT = Path(__file__).parent.parent

_FETCH_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Layout:
    """Where things lie below the project's root."""

    root: Path = field(default=ROOT)

    @property
    def selection(self) -> Path:
        """The list of operations."""
        return self.root / "openapi" / "operations.toml"

    @property
    def pins(self) -> Path:
        """The folder of pins."""
        return self.root / "openapi" / "pins"

    @property
    def contract(self) -> Path:
        """The merged contract."""
        return self.generated / "contract.json"

    @property
    def described(self) -> Path:
        """What the emulated Immich publishes about itself: the newest pin."""
        return self.root / "sidecar" / "demo" / "immich" / "described.json"

    @property
    def generated(self) -> Path:
        """The folder of generated code."""
        return self.root / "sidecar" / "immich_client" / "_generated"


@dataclass(frozen=True)
class Source:
    """A full description and where it came from."""

    description: bytes
    origin: str


def expected(layout: Layout, sources: Sequence[Source] = ()) -> dict[Path, str]:
    """Path -> text of everything generated: pins of the given descriptions, the contract and the code.

    Shape:  a description replaces the pin of its version; other pins stay as they are.
    Errors: DescriptionError if descriptions, pins and operations.toml do not fit together.
    """
    selection = load_selection(layout.selection)
    fresh = [
        trim(source.description, selection.operations, origin=source.origin, since=selection.since)
        for source in sources
    ]
    pins = _newest(read_pins(layout.pins), fresh)
    contract = merge(pins, selection)
    files = {layout.pins / f"{pin.immich}.json": pin_text(pin) for pin in fresh}
    files[layout.contract] = contract_text(contract)
    files[layout.described] = published_text(pins[-1])
    files.update({layout.generated / name: text for name, text in emit(contract).items()})
    return files


def _newest(committed: Sequence[Pin], fresh: Sequence[Pin]) -> list[Pin]:
    merged = {pin.immich: pin for pin in [*committed, *fresh]}
    if not merged:
        raise DescriptionError("There is no pin yet; name a full description or a server.")
    return sorted(merged.values(), key=lambda pin: version_numbers(pin.immich))


def stale(files: dict[Path, str]) -> list[Path]:
    """The files whose text on disk differs from what it should be, in order."""
    return sorted(path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text)


def read_file(path: Path) -> Source:
    """A published description.

    Errors: DescriptionError if the file cannot be read.
    """
    try:
        return Source(path.read_bytes(), "open-api/immich-openapi-specs.json of the release")
    except OSError as error:
        raise DescriptionError(f"{path} cannot be read: {error.strerror}.") from error


def read_server(url: str) -> Source:
    """The description that a running Immich publishes; it asks for no credential.

    Errors: DescriptionError if nothing answers there with a description.
    Source: GET /api/spec.json, Immich 2.7.5 and 3.1.0.
    """
    address = f"{url.rstrip('/').removesuffix('/api')}/api/spec.json"
    try:
        answer = httpx.get(address, timeout=_FETCH_TIMEOUT_S)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DescriptionError(f"{address} cannot be read: {error}") from error
    return Source(answer.content, "/api/spec.json of a server")


def main(arguments: Sequence[str] | None = None, *, layout: Layout | None = None) -> int:
    """0 when all is written or up to date, 1 when --check finds something stale, 2 when the input does not fit."""
    parser = argparse.ArgumentParser(prog="python -m openapi.generate", description=__doc__)
    parser.add_argument("descriptions", nargs="*", type=Path, help="full descriptions of Immich releases to pin anew")
    parser.add_argument("--from-url", action="append", default=[], metavar="URL", help="a running Immich to pin")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is stale")
    options = parser.parse_args(arguments)
    try:
        sources = [read_file(path) for path in options.descriptions] + [read_server(url) for url in options.from_url]
        files = expected(layout or Layout(), sources)
    except DescriptionError as error:
        print(error, file=sys.stderr)
        return 2
    changed = stale(files)
    for path in changed:
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], "utf-8")
        print(f"{'stale' if options.check else 'written'}: {path}")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
