from __future__ import annotations

import asyncio
import os
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from sidecar.duplicates.files import END_BYTES
from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.jobs.duplicates import compare_files as comparing
from sidecar.jobs.duplicates.compare_files import Compared, _batches, _Digest, _parts, compare_files
from sidecar.media.paths import MediaPaths
from sidecar.model import AssetId, Visibility
from sidecar.storage import detections, originals
from sidecar.storage.originals import File
from tests.jobs.duplicates.harness import Shelf, noise
from tests.jobs.household import NOON, open_library

LARGE = 300_000
BEYOND = 2_500_000  # more than a piece


NOT_FOUND = '{"message": "Not Found", "statusCode": 404, "error": "Not Found", "correlationId": "x"}'
NO_KEY = '{"message": "Invalid API key", "error": "Unauthorized", "statusCode": 401, "correlationId": "x"}'


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_library(tmp_path) as library:
        yield Shelf(library)


async def compare(shelf: Shelf) -> Compared:
    return await compare_files(shelf.library.context, shelf.library.owner_id)


@pytest.mark.parametrize("size", [1, 1000, END_BYTES, END_BYTES + 1, 2 * END_BYTES, 2 * END_BYTES + 1, LARGE, BEYOND])
async def test_copies_of_any_size_are_found_and_read_once(shelf: Shelf, size: int) -> None:
    data = noise(size)
    shelf.file("/photos/a.jpg", data)
    shelf.upload("b.jpg", data)
    row = shelf.file("/photos/c.jpg", data)
    await shelf.sync()
    done = await compare(shelf)
    assert await shelf.identical() == [["a.jpg", "b.jpg", "c.jpg"]]
    assert (done.files, done.failed) == (3, 0)
    assert done.size_bytes == 3 * (size if size <= 2 * END_BYTES else size + 2 * END_BYTES)
    content = await shelf.content(row)
    assert content is not None
    assert content.sha256 == sha256(data).hexdigest()
    assert content.sha1 == b64encode(sha1(data, usedforsecurity=False).digest()).decode()

    shelf.library.immich.calls.clear()
    assert await compare(shelf) == Compared(0, 0, 0)
    assert shelf.asked() == {}


async def test_nobody_is_read_whom_nothing_equals(shelf: Shelf) -> None:
    whole = noise(LARGE)
    shelf.file("/photos/own size.jpg", noise(LARGE + 1))
    shelf.file("/photos/a.jpg", whole)
    shelf.file("/photos/other head.jpg", b"x" + whole[1:])
    shelf.file("/photos/other tail.jpg", whole[:-1] + b"x")
    shelf.upload("one.jpg", noise(LARGE + 2, seed=1))
    shelf.upload("two.jpg", noise(LARGE + 2, seed=2))
    shelf.file("/photos/nothing.jpg", b"")
    shelf.file("/photos/nothing too.jpg", b"")
    await shelf.sync()
    done = await compare(shelf)
    assert shelf.asked() == {"a.jpg": 2, "other head.jpg": 2, "other tail.jpg": 2}  # two ends each
    assert done == Compared(3, 3 * 2 * END_BYTES, 0)
    assert await shelf.identical() == []


async def test_files_alike_at_both_ends_are_told_apart_by_the_rest(shelf: Shelf) -> None:
    whole = noise(LARGE)
    middle = whole[: LARGE // 2] + b"another" + whole[LARGE // 2 + 7 :]
    shelf.file("/photos/a.jpg", whole)
    shelf.file("/photos/b.jpg", middle)
    shelf.upload("c.jpg", noise(1) + whole[1:])
    shelf.upload("d.jpg", middle)
    await shelf.sync()
    await compare(shelf)
    assert await shelf.identical() == [["b.jpg", "d.jpg"]]


async def test_an_upload_is_read_whole_only_to_confirm(shelf: Shelf) -> None:
    whole = noise(LARGE)
    shelf.file("/photos/a.jpg", whole)
    shelf.upload("alike.jpg", whole[: LARGE // 2] + b"another" + whole[LARGE // 2 + 7 :])
    await shelf.sync()
    await compare(shelf)
    assert shelf.asked() == {"a.jpg": 3, "alike.jpg": 2}
    late = shelf.upload("late.jpg", whole)
    await shelf.sync()
    await compare(shelf)
    # The library's file is known whole by now: an upload's own SHA-1 says enough.
    assert shelf.asked() == {"late.jpg": 1}
    assert await shelf.identical() == [["a.jpg", "late.jpg"]]
    assert (await shelf.content(late)) is not None


async def test_what_people_do_not_see_and_other_owners_files_are_left_out(shelf: Shelf) -> None:
    data = noise(LARGE)
    immich = shelf.library.immich
    shelf.file("/photos/a.jpg", data)
    immich.trash(shelf.file("/photos/trashed.jpg", data))
    immich.set_visibility(shelf.file("/photos/hidden.jpg", data), Visibility.HIDDEN)
    immich.set_visibility(shelf.file("/photos/locked.jpg", data), Visibility.LOCKED)
    immich.set_offline(shelf.file("/photos/offline.jpg", data))
    immich.import_file(immich.add_user("Bob"), "/photos/bobs.jpg", data, at=NOON)
    await shelf.sync()
    assert await compare(shelf) == Compared(0, 0, 0)
    assert shelf.asked() == {}


async def test_many_equal_files_are_read_once_each(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_READ_AT_ONCE", 7)
    data = noise(2000)
    for number in range(60):
        shelf.file(f"/photos/{number}.jpg", data)
    await shelf.sync()
    assert await compare(shelf) == Compared(60, 60 * 2000, 0)
    assert set(shelf.asked().values()) == {1}
    assert [len(names) for names in await shelf.identical()] == [60]


async def test_what_is_read_is_counted_where_it_is_shown(shelf: Shelf) -> None:
    for name in "ab":
        shelf.file(f"/photos/{name}.jpg", noise(LARGE))
    await shelf.sync()
    library = shelf.library
    async with library.context.database.write() as connection:
        run = await detections.request(connection, library.owner_id, now_ms=library.clock())
    done = await compare_files(library.context, library.owner_id, detection=run)
    async with library.context.database.read() as connection:
        run = await detections.get(connection, library.owner_id, run.id)
    assert (run.files_read, run.bytes_read) == (done.files, done.size_bytes) == (2, 2 * (LARGE + 2 * END_BYTES))


async def trouble(shelf: Shelf) -> str | None:
    """Two copies, of which one makes the trouble that was prepared: what is on record of it."""
    await compare(shelf)
    assert await shelf.identical() == []
    for row in shelf.library.immich.state.assets.values():
        content = await shelf.content(row)
        if content is not None and content.flaw is not None:
            assert content.attempts == 1
            assert content.not_before_ms > shelf.library.clock()
            assert content.ends is content.sha256 is None
            return content.flaw
    return None


@pytest.mark.parametrize(
    ("how", "flaw"),
    [
        pytest.param({"status": 404, "body": NOT_FOUND}, "Immich does not give the file", id="gone"),
        pytest.param({"status": 503, "times": 1}, "Immich answers, but does not send all of the file", id="not now"),
        pytest.param({"cut_after_bytes": 5000}, "Immich answers, but does not send all of the file", id="breaks off"),
        pytest.param({"is_endless": True}, "Immich does not give the file as it should: ", id="never ends"),
    ],
)
async def test_a_file_that_does_not_come_waits_and_costs_no_other(shelf: Shelf, how: dict[str, Any], flaw: str) -> None:
    await copies(shelf, LARGE)
    await compare_until_ends(shelf)
    shelf.library.immich.fail("GET", "/assets/*/original", **how)
    found = await trouble(shelf)
    assert found is not None
    assert found.startswith(flaw)
    assert "127.0.0.1" not in found
    calls = len(shelf.library.immich.calls)
    assert await compare(shelf) == Compared(0, 0, 0)
    assert len(shelf.library.immich.calls) == calls
    shelf.library.clock.advance(seconds=700)
    assert (await compare(shelf)).failed == 0
    assert await shelf.identical() == [["a.jpg", "b.jpg"]]


async def copies(shelf: Shelf, size: int) -> None:
    for name in "ab":
        shelf.file(f"/photos/{name}.jpg", noise(size))
    await shelf.sync()


async def compare_until_ends(shelf: Shelf) -> None:
    """The ends are known, the whole is not."""
    library = shelf.library
    async with library.context.database.read() as connection:
        files = await originals.files_of_sizes(connection, library.owner_id, [LARGE])
    comparison = comparing._Comparing(library.context, library.owner_id, None)
    await comparison._read_all(files, comparison._ends)


@pytest.mark.parametrize("size", [1000, LARGE])
@pytest.mark.parametrize("change", [-1, 1])
async def test_a_file_of_another_length_than_it_should_have_is_no_copy(shelf: Shelf, size: int, change: int) -> None:
    await copies(shelf, size)
    [row, _] = shelf.library.immich.state.assets.values()
    shelf.library.immich.set_original(row, noise(size + change))
    found = await trouble(shelf)
    assert found == "the file is not as long as Immich says"


async def test_a_file_that_ends_early_the_whole_way_is_no_copy(shelf: Shelf) -> None:
    await copies(shelf, LARGE)
    await compare_until_ends(shelf)
    [row, _] = shelf.library.immich.state.assets.values()
    shelf.library.immich.set_original(row, noise(LARGE - 5))
    assert await trouble(shelf) == "the file is not as long as Immich says"


async def test_a_file_that_changed_since_its_ends_were_read_is_thrown_away(shelf: Shelf) -> None:
    await copies(shelf, LARGE)
    await compare_until_ends(shelf)
    [row, _] = shelf.library.immich.state.assets.values()
    shelf.library.immich.set_original(row, noise(LARGE, seed=9))
    assert await trouble(shelf) == "the file changed while it was read"


async def test_a_file_of_which_immich_knows_a_newer_one_is_thrown_away(shelf: Shelf) -> None:
    await copies(shelf, LARGE)
    [row, _] = shelf.library.immich.state.assets.values()
    shelf.library.immich.state.write(row, file_modified_us=row.file_modified_us + 5_000_000)
    assert await trouble(shelf) == "the file changed while it was read"


async def test_an_upload_that_is_not_what_was_uploaded_is_no_copy(shelf: Shelf) -> None:
    data = noise(1000)
    shelf.file("/photos/a.jpg", data)
    upload = shelf.upload("b.jpg", data)
    await shelf.sync()
    shelf.library.immich.set_original(upload, noise(1000, seed=4))
    assert await trouble(shelf) == "the file is not what was uploaded"


async def test_a_file_that_drips_is_left(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_LONGEST_PAUSE_S", 0.3)
    monkeypatch.setattr(comparing, "_SLOWEST_BYTES_PER_S", 1_000_000)
    await copies(shelf, LARGE)
    shelf.library.immich.fail("GET", "/assets/*/original", drip_s=0.05)
    assert await trouble(shelf) == "the file comes too slowly"


async def test_failures_wait_longer_each_time_and_end_when_the_file_is_another(shelf: Shelf) -> None:
    await copies(shelf, 1000)
    [row, _] = shelf.library.immich.state.assets.values()
    shelf.library.immich.set_original(row, None)
    waits = []
    for _ in range(3):
        await compare(shelf)
        content = await shelf.content(row)
        assert content is not None
        waits.append(round((content.not_before_ms - shelf.library.clock()) / 60_000))
        shelf.library.clock.advance(seconds=waits[-1] * 60 + 1)
    assert waits == [10, 20, 40]
    shelf.library.immich.set_original(row, noise(1000))
    shelf.library.immich.state.write(row, file_modified_us=row.file_modified_us + 5_000_000)
    await shelf.sync()
    await compare(shelf)
    assert await shelf.identical() == [["a.jpg", "b.jpg"]]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        pytest.param({"status": 503}, ImmichUnavailable, id="down"),
        pytest.param({"status": 401, "body": NO_KEY}, ImmichRefused, id="no key"),
    ],
)
async def test_when_nobody_answers_it_is_no_files_fault(
    shelf: Shelf, how: dict[str, Any], error: type[Exception]
) -> None:
    await copies(shelf, LARGE)
    shelf.library.immich.fail(times=1000, **how)
    with pytest.raises(error):
        await compare(shelf)
    assert [await shelf.content(row) for row in shelf.library.immich.state.assets.values()] == [None, None]


async def test_a_process_that_is_to_end_begins_no_other_file(shelf: Shelf) -> None:
    await copies(shelf, LARGE)
    shelf.library.context.stopping.set()
    assert await compare(shelf) == Compared(0, 0, 0)
    assert shelf.asked() == {}


async def test_one_that_is_begun_is_finished_and_kept(shelf: Shelf) -> None:
    await copies(shelf, LARGE)
    shelf.library.context = replace(shelf.library.context, concurrent_reads=1)
    shelf.library.immich.traffic.answer_delay_s = 0.05
    asking = asyncio.create_task(compare(shelf))
    while not shelf.library.immich.calls:
        await asyncio.sleep(0.005)
    shelf.library.context.stopping.set()
    assert await asking == Compared(1, 2 * END_BYTES, 0)
    assert list(shelf.asked().values()) == [2]
    shelf.library.context.stopping.clear()
    await compare(shelf)
    assert sorted(shelf.asked().values()) == [3, 3]


async def test_a_large_file_is_left_in_the_middle_when_the_process_is_to_end(shelf: Shelf) -> None:
    await copies(shelf, BEYOND)
    comparison = comparing._Comparing(shelf.library.context, shelf.library.owner_id, None)
    file = File(AssetId(next(iter(shelf.library.immich.state.assets))), "a", "a", "x", "", BEYOND, 0, None)
    shelf.library.context.stopping.set()
    with pytest.raises(comparing._Stopped):
        await comparison._whole(file)


@pytest.fixture
def mount(tmp_path: Path, shelf: Shelf) -> Path:
    folder = tmp_path / "mount"
    folder.mkdir()
    paths = MediaPaths.parse(f"/photos={folder}")
    shelf.library.context = replace(shelf.library.context, media_paths=paths)
    return folder


def put(mount: Path, name: str, data: bytes, *, late_s: float = 0) -> Path:
    path = mount / name
    path.write_bytes(data)
    os.utime(path, (NOON.timestamp() + late_s,) * 2)
    return path


@pytest.mark.parametrize("size", [1000, LARGE, BEYOND])
async def test_files_that_lie_here_are_not_asked_for(shelf: Shelf, mount: Path, size: int) -> None:
    await copies(shelf, size)
    for name in "ab":
        put(mount, f"{name}.jpg", noise(size))
    done = await compare(shelf)
    assert await shelf.identical() == [["a.jpg", "b.jpg"]]
    assert shelf.asked() == {}
    assert done.size_bytes == 2 * (size if size == 1000 else size + 2 * END_BYTES)


@pytest.mark.parametrize(
    ("size", "late_s"),
    [pytest.param(LARGE + 1, 0, id="another size"), pytest.param(LARGE, 60, id="another time")],
)
async def test_a_file_here_that_is_not_the_one_immich_means_is_asked_for(
    shelf: Shelf, mount: Path, size: int, late_s: float
) -> None:
    await copies(shelf, LARGE)
    put(mount, "a.jpg", noise(size, seed=8), late_s=late_s)
    put(mount, "b.jpg", noise(LARGE))
    await compare(shelf)
    assert await shelf.identical() == [["a.jpg", "b.jpg"]]
    assert shelf.asked() == {"a.jpg": 3}


async def test_a_file_here_that_is_written_to_while_it_is_read_is_thrown_away(
    shelf: Shelf, mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await copies(shelf, LARGE)
    path = put(mount, "a.jpg", noise(LARGE))
    put(mount, "b.jpg", noise(LARGE))
    read_whole = comparing._read_whole

    def read_and_write(opened: BinaryIO, *arguments: Any) -> None:
        read_whole(opened, *arguments)
        # Both files are read at the same time: whoever reads the other one leaves this one alone.
        if os.path.samestat(os.fstat(opened.fileno()), path.stat()):
            put(path.parent, path.name, noise(LARGE))

    monkeypatch.setattr(comparing, "_read_whole", read_and_write)
    assert await trouble(shelf) == "the file changed while it was read"


async def test_a_file_here_that_becomes_another_just_before_it_is_read_is_thrown_away(
    shelf: Shelf, mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await copies(shelf, LARGE)
    path = put(mount, "a.jpg", noise(LARGE))
    put(mount, "b.jpg", noise(LARGE))
    await compare_until_ends(shelf)
    is_as_told = comparing._is_as_told

    def believe_and_write(opened: BinaryIO, file: File) -> bool:
        is_believed = is_as_told(opened, file)
        if os.path.samestat(os.fstat(opened.fileno()), path.stat()):
            middle = noise(LARGE)
            put(path.parent, path.name, middle[: LARGE // 2] + b"another" + middle[LARGE // 2 + 7 :])
        return is_believed

    monkeypatch.setattr(comparing, "_is_as_told", believe_and_write)
    assert await trouble(shelf) == "the file changed while it was read"


async def test_a_file_here_that_changed_just_now_is_read_when_another_change_would_show(
    shelf: Shelf, mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await copies(shelf, 1000)
    for name in "ab":
        put(mount, f"{name}.jpg", noise(1000))
    is_as_told, read_whole = comparing._is_as_told, comparing._read_whole
    ages_s = []

    def touch(opened: BinaryIO, file: File) -> bool:
        os.fchmod(opened.fileno(), 0o644)
        return is_as_told(opened, file)

    def look_and_read(opened: BinaryIO, *arguments: Any) -> None:
        ages_s.append((time.time_ns() - os.fstat(opened.fileno()).st_ctime_ns) / 1e9)
        read_whole(opened, *arguments)

    monkeypatch.setattr(comparing, "_is_as_told", touch)
    monkeypatch.setattr(comparing, "_read_whole", look_and_read)
    await compare(shelf)
    assert min(ages_s) >= comparing._PAUSE_S
    assert len(ages_s) == 2


@pytest.mark.parametrize(
    ("age_ns", "expected"),
    [
        pytest.param(0, True, id="in the same tick"),
        pytest.param(comparing._JUST_NOW_NS - 1, True, id="by a coarse clock in the same"),
        pytest.param(comparing._JUST_NOW_NS, False, id="long ago"),
        pytest.param(-3_600_000_000_000, True, id="by a clock that goes ahead"),
    ],
)
def test_a_change_may_hide_behind_another_for_a_moment(tmp_path: Path, age_ns: int, *, expected: bool) -> None:
    path = put(tmp_path, "a.jpg", b"a")
    with path.open("rb") as opened:
        now_ns = os.fstat(opened.fileno()).st_ctime_ns + age_ns
        assert comparing._changed_just_now(opened, now_ns=now_ns) is expected


async def test_a_disk_that_fails_is_told(shelf: Shelf, mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await copies(shelf, 1000)
    put(mount, "a.jpg", noise(1000))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(comparing, "_read_whole", fail)
    assert await trouble(shelf) == "the file cannot be read: Input/output error"


def test_a_digest_is_the_same_however_the_bytes_come() -> None:
    data = noise(LARGE)
    whole, pieces = _Digest(), _Digest()
    whole.update(data)
    for start in range(0, LARGE, 977):
        pieces.update(data[start : start + 977])
    assert (whole.ends, whole.sha1, whole.sha256) == (pieces.ends, pieces.sha1, pieces.sha256)
    assert whole.ends == sha256(data[:END_BYTES] + data[-END_BYTES:]).hexdigest()


def test_sizes_and_files_are_taken_in_runs() -> None:
    assert list(_batches([])) == []
    assert list(_batches([(1, 4_000), (2, 900), (3, 200), (4, 9_000), (5, 2)])) == [[1, 2], [3], [4], [5]]
    large = File(AssetId("a"), "a", "a", None, "", 400 * 1024 * 1024, 0, None)
    assert [len(part) for part in _parts([large, large, large])] == [1, 1, 1]
    small = replace(large, size_bytes=1)
    assert [len(part) for part in _parts([small] * 130)] == [64, 64, 2]
    assert list(_parts([])) == []
