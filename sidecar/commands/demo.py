"""`sidecar demo`: the whole product in one command, on an emulated Immich with a library painted on the spot."""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr

from sidecar.app import serving
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.run import schedule_of, stop_signal
from sidecar.commands.scan import ScanOptions, scan_with
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.refusals import Refusal
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.demo.library.catalogue import STORIES, make_library
from sidecar.demo.library.roll import DemoFile
from sidecar.duplicates.classes import DuplicateClass
from sidecar.errors import SettingsError
from sidecar.events.listening import listening
from sidecar.immich_client.client import required_permissions
from sidecar.immich_client.permissions import Feature, feature_permissions
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.storage import duplicate_sets
from sidecar.wiring import Services, open_services
from sidecar.worker import running_worker

PAIR_WITHIN_S = 20.0
LOOK_EVERY_S = 0.02
_EVERYWHERE = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class _Filled:
    """The emulated server's content: which file became which asset; a file that Immich refused has none."""

    users: dict[str, UserRow]
    assets: Sequence[tuple[DemoFile, AssetRow]]
    refused: Sequence[DemoFile]


async def demo(settings: Settings, *, once: bool, out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> ExitCode:
    """DONE if every situation in the demo's library turned out as its story says.

    Shape:  everything lives in a temporary folder and on loopback, and is gone afterwards. At the end a pair is
            uploaded while the sidecar runs. Without `once` the pages are served until somebody stops the process.
    """
    async with AsyncExitStack() as stack:
        print("Painting a small photo library and starting an emulated Immich …", file=err, flush=True)
        immich = await stack.enter_async_context(EmulatedImmich())
        filled = await _fill(immich)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecar-demo-")))
        services = await stack.enter_async_context(open_services(_demo_settings(settings, immich, filled, folder)))
        code = await scan_with(services, ScanOptions(most=None, duplicates=True), out=out, err=err)
        wrong = {*_wrong_stacks(immich, filled), *await _wrong_sets(services, filled)}
        for line in _told(filled, wrong):
            print(line, file=out)
        stopped = stop_signal()
        address = await _start(stack, services)
        took_s = await _upload_a_pair(immich, filled)
        print(_told_of_pair(took_s), file=out)
        if not once:
            immich.sign_in_page.leads_to = address
            print(
                f"\nOpen {immich.url}/auth/login   and sign in to the emulated Immich; that leads to {address} "
                "(Ctrl-C ends the demo)",
                file=err,
                flush=True,
            )
            await stopped.wait()
        return ExitCode.PARTLY_FAILED if wrong or took_s is None else code


async def _fill(immich: EmulatedImmich) -> _Filled:
    users = {name: immich.add_user(name.capitalize()) for name in ("ann", "bob")}
    films: dict[tuple[str, str], DemoFile] = {}
    assets: list[tuple[DemoFile, AssetRow]] = []
    refused: list[DemoFile] = []
    files = await asyncio.to_thread(lambda: list(make_library()))
    for file in files:
        if file.live_photo_video_of is not None:
            films[file.owner, file.live_photo_video_of] = file
    for file in files:
        if file.live_photo_video_of is not None:
            continue
        film = films.get((file.owner, file.name))
        try:
            # An app uploads a live photo's film first and then names it with the photo.
            linked = _add(immich, users, film) if film is not None else None
            row = _add(immich, users, file, live_photo_video=linked)
        except Refusal:
            refused.append(file)
            continue
        assets.append((file, row))
    await immich.settle()
    for user in users.values():
        await immich.detect_duplicates(user)
    return _Filled(users, assets, refused)


def _add(
    immich: EmulatedImmich, users: dict[str, UserRow], file: DemoFile, *, live_photo_video: AssetRow | None = None
) -> AssetRow:
    owner = users[file.owner]
    if file.folder is not None:
        return immich.import_file(owner, f"{file.folder}/{file.name}", file.data, at=file.modified_at)
    video_id = live_photo_video.id if live_photo_video is not None else None
    return immich.upload(owner, file.name, file.data, at=file.modified_at, live_photo_video_id=video_id)


def _demo_settings(settings: Settings, immich: EmulatedImmich, filled: _Filled, folder: Path) -> Settings:
    permissions = sorted(required_permissions() | feature_permissions(Feature.WEBHOOK))
    keys = [immich.add_key(user, permissions, name="sidecar") for user in filled.users.values()]
    port = _free_port(settings)
    return settings.model_copy(
        update={
            "immich_url": immich.url,
            "api_keys": tuple(SecretStr(key) for key in keys),
            "data_dir": folder,
            "redis_url": None,
            "database_url": None,
            "port": port,
            "webhook_url": f"http://{'127.0.0.1' if settings.host in _EVERYWHERE else settings.host}:{port}",
        }
    )


def _wrong_stacks(immich: EmulatedImmich, filled: _Filled) -> Iterator[str]:
    """The stories of which Immich now shows other stacks than the story says."""
    stacks = (
        frozenset(row.id for row in immich.state.assets.values() if row.stack_id == stack.id)
        for user in filled.users.values()
        for stack in immich.stacks_of(user)
    )
    yield from _otherwise(filled, {row.id: file.expected for file, row in filled.assets}, stacks)


async def _wrong_sets(services: Services, filled: _Filled) -> list[str]:
    """The stories of which the sidecar has found other sets of duplicates than the story says.

    Shape:  what is edited at most is for eyes, and may be a picture taken a moment later: only where a story is about
            duplicates it counts.
    """
    told = {file.story for file, _ in filled.assets if file.duplicates is not None}
    story_of = {row.id: file.story for file, row in filled.assets}
    found: list[frozenset[str]] = []
    async with services.database.read() as connection:
        for user in filled.users.values():
            for each in await duplicate_sets.everything(connection, OwnerId(user.id)):
                members = frozenset(member.asset_id for member in each.members)
                if each.kind is not DuplicateClass.EDITED or {story_of[member] for member in members} & told:
                    found.append(members)
    return list(_otherwise(filled, {row.id: file.duplicates for file, row in filled.assets}, found))


def _otherwise(filled: _Filled, labels: Mapping[str, str | None], found: Iterable[frozenset[str]]) -> Iterator[str]:
    """The stories in which other assets were put together than those with the same label."""
    story_of = {row.id: file.story for file, row in filled.assets}
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for asset_id, label in labels.items():
        if label is not None:
            groups[story_of[asset_id], label].add(asset_id)
    expected: dict[str, set[frozenset[str]]] = defaultdict(set)
    for (story, _), labelled in groups.items():
        expected[story].add(frozenset(labelled))
    shown: dict[str, set[frozenset[str]]] = defaultdict(set)
    for members in found:
        for story in {story_of[member] for member in members}:
            shown[story].add(members)
    yield from (story for story in STORIES if expected[story] != shown[story])


def _told(filled: _Filled, wrong: Collection[str]) -> Iterable[str]:
    yield ""
    yield f"What the {len(STORIES)} situations in this library show:"
    for story, sentence in STORIES.items():
        yield f"  {'WRONG' if story in wrong else 'ok':5}  {sentence}"
    for file in filled.refused:
        yield f"  ({file.name} never got this far: Immich takes no file whose name has no extension)"


def _free_port(settings: Settings) -> int:
    """The port of the settings, or another one: it may be taken, by the real sidecar perhaps."""
    for port in (settings.port, 0):
        with socket.socket() as tried, suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((settings.host, port))
            found: int = tried.getsockname()[1]
            return found
    raise SettingsError(f"SIDECAR_HOST: {settings.host} is no address of this machine")


async def _start(stack: AsyncExitStack, services: Services) -> str:
    """Where the sidecar's pages are; it runs until the stack is closed."""
    jobs = replace(services.jobs, detects=True)
    quiet: list[str] = []
    await stack.enter_async_context(running_worker(jobs, schedule=schedule_of(services.settings)))
    address = await stack.enter_async_context(serving(services))
    await stack.enter_async_context(listening(jobs, services.intake, services.hooks, tell=quiet.append))
    return address


def _told_of_pair(took_s: float | None) -> str:
    if took_s is None:
        return "  WRONG  A pair that was uploaded while the sidecar ran did not become a stack."
    return f"  ok     A pair that was uploaded just now was a stack {took_s:.1f} s later."


async def _upload_a_pair(immich: EmulatedImmich, filled: _Filled) -> float | None:
    """How long a pair took, from its second upload to its stack, in seconds; None if it never became one."""
    clock = asyncio.get_running_loop().time
    await _becomes(lambda: len(immich.state.workflows) == len(filled.users))
    one, other = (_upload_again(immich, filled, file) for file in _a_pair(filled))
    uploaded_s = clock()
    is_stack = await _becomes(lambda: one.stack_id is not None and one.stack_id == other.stack_id)
    return clock() - uploaded_s if is_stack else None


async def _becomes(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so in time; the emulated server tells its clients, not us."""
    clock = asyncio.get_running_loop().time
    until_s = clock() + PAIR_WITHIN_S
    while not (so := is_so()) and clock() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY_S)
    return so


def _upload_again(immich: EmulatedImmich, filled: _Filled, file: DemoFile) -> AssetRow:
    # A byte more makes another file of the same picture.
    name, data = f"JUST_NOW{Path(file.name).suffix}", file.data + b"\0"
    return immich.upload(filled.users[file.owner], name, data, at=file.modified_at)


def _a_pair(filled: _Filled) -> Sequence[DemoFile]:
    """The first RAW of the library and its JPEG."""
    together: dict[tuple[str, str], list[DemoFile]] = defaultdict(list)
    for file, _ in filled.assets:
        if file.expected is not None:
            together[file.owner, file.expected].append(file)
    return next(found for found in together.values() if len(found) == 2)  # noqa: PLR2004
