"""The emulated Immich answers recorded exchanges with real servers as those servers did.

SIDECAR_RECORDINGS says where the recordings lie, else they are expected beside the project; without them this skips.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import httpx
import pytest
from aiohttp import web
from PIL import ExifTags, Image

from openapi.validation import pin_of
from sidecar.demo.immich import EmulatedImmich, JobKind
from sidecar.demo.immich.rows import UserRow
from sidecar.immich_client.contract.description import Description

_ROOT = Path(__file__).parents[1]
_SHARED = Path(os.environ.get("SIDECAR_SHARED", _ROOT.parent / "shared"))
RECORDINGS = Path(os.environ.get("SIDECAR_RECORDINGS", _SHARED / "recordings"))
SEEDS = {"3.1.0": 3, "2.7.5": 3}
"""Two recorded assets share their time: under these seeds they come in the recorded order, by id or by chance."""
RECORDED_HOOK = "http://127.0.0.1:8799/hook"
"""Where the recorded webhooks went."""

NOT_IN_THE_FEED = frozenset({"AssetExifV1"})
"""Kinds of lines that the emulated feed of changes leaves out: nobody here reads EXIF from it."""

TOLERATED = {
    "accessToken": "drawn at random",
    "token": "drawn at random",
    "deletedAt": "the clock of the recording",
    "secret": "drawn at random",
    "correlationId": "drawn at random",
    "avatarColor": "drawn from the address",
    "profileChangedAt": "the clock of the recording",
    "createdAt": "the clock of the recording",
    "updatedAt": "the clock of the recording",
    "lastModifiedAssetTimestamp": "the clock of the recording",
    "originalPath": "drawn at random",
    "thumbhash": "the recorded pictures are not part of the recording; theirs are made up",
    "checksum": "the recorded pictures are not part of the recording",
    "data": "a checksum as a list of numbers",
    "pattern": "regular expressions of the server's validation library",
    "values": "abridged in the recording",
    "ffmpeg": "installed beside the recorded server",
    "exiftool": "installed beside the recorded server",
    "nodejs": "installed beside the recorded server",
    "libvips": "installed beside the recorded server",
    "imagemagick": "installed beside the recorded server",
}
"""Field -> why its value may differ; its type must agree all the same."""

EVENTS_NOT_EMULATED = {
    "on_album_update": "nobody here listens for albums",
}
"""Recorded event that is left out -> why."""

ORDERED_BY_DATABASE = {
    "timeline-bucket": "assets of equal time come as the database likes (3.1.0 too)",
    "timeline-bucket-with-stack": "assets of equal time come as the database likes (3.1.0 too)",
}

_HEADERS = ("cache-control", "content-disposition", "accept-ranges", "content-range", "location")
_ABRIDGED = re.compile(r"\.\.\. (\d+) more")
_SIZED_TEXT = re.compile(r"<(\d+) bytes>")


def _load(version: str) -> dict[str, Any]:
    path = RECORDINGS / f"immich-{version}.json"
    if not path.is_file():
        pytest.skip(f"No recording of Immich {version} in {RECORDINGS}; SIDECAR_RECORDINGS names another folder")
    recording: dict[str, Any] = json.loads(path.read_text())
    return recording


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _assets_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every asset with exifInfo somewhere in a JSON value."""
    if isinstance(value, dict):
        if "originalFileName" in value and "exifInfo" in value:
            yield value
        for each in value.values():
            yield from _assets_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _assets_in(each)


def _synthesised(asset: dict[str, Any]) -> bytes:
    """A file with the recorded dimensions, EXIF and size; one without dimensions cannot be read."""
    exif_info = asset["exifInfo"]
    size_bytes = exif_info["fileSizeInByte"]
    if exif_info["exifImageWidth"] is None:
        return b"this raw file is broken".ljust(size_bytes, b".")
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = exif_info["make"], exif_info["model"]
    if exif_info["orientation"]:
        exif[ExifTags.Base.Orientation] = int(exif_info["orientation"])
    taken = datetime.fromisoformat(asset["localDateTime"])
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[ExifTags.Base.DateTimeOriginal] = f"{taken:%Y:%m:%d %H:%M:%S}"
    photo[ExifTags.Base.SubsecTimeOriginal] = f"{taken.microsecond // 1000:03}"
    size = (exif_info["exifImageWidth"], exif_info["exifImageHeight"])
    out = io.BytesIO()
    Image.new("RGB", size, f"#{asset['id'][:6]}").save(out, "JPEG", exif=exif)
    return out.getvalue().ljust(size_bytes, b"\0")


class Replay:
    """One recording on its way through an emulated server: what stands for what, and what disagreed."""

    def __init__(
        self, recording: dict[str, Any], immich: EmulatedImmich, http: httpx.AsyncClient, outside: Outside
    ) -> None:
        self.steps: list[dict[str, Any]] = recording["steps"]
        self.immich = immich
        self.http = http
        self.outside = outside
        self.ours: dict[str, str] = {RECORDED_HOOK: outside.url}
        self.replayed: list[str] = []
        self.disagreements: list[str] = []
        self._principals: dict[str, dict[str, str]] = {"none": {}, "unknown api key": {"x-api-key": "unknown"}}
        self._recorded_assets = {
            asset["id"]: asset for step in reversed(self.steps) for asset in _assets_in(step["response"].get("json"))
        }
        admin = immich.add_user("Admin", is_admin=True)
        self._principals["admin session (Bearer)"] = {"authorization": f"Bearer {immich.add_session(admin)}"}

    async def run(self) -> None:
        for step in self.steps:
            await self._prepare(step)
            response = await self._send(step)
            self._compare_step(step, response)
            self._learn(step, response)
            self.replayed.append(step["step"])
        await self.immich.run_jobs()
        await self.immich.settle()
        await self.outside.catch_up()

    async def _prepare(self, step: dict[str, Any]) -> None:
        """What happened between the recorded steps without being one."""
        unrecorded = {
            "upload": self._before_uploading,
            "asset-just-uploaded": self._before_reading_a_new_asset,
            "asset": self._before_reading_a_finished_asset,
            "asset-other-user": self._before_reading_a_foreign_asset,
            "trash": self._before_trashing_a_primary,
            "duplicate-record": self._before_recording_duplicates,
            "queues": self._before_waiting_for_nothing,
            "duplicate-dismiss": self._before_dismissing,
            "copy-asset": self._before_waiting_for_nothing,
            "duplicate-resolve-incomplete": self._before_waiting_for_nothing,
            "album-create": self._before_making_an_album,
            "delete-api-key": self._before_deleting_the_key,
        }.get(step["step"])
        if unrecorded:
            await unrecorded(step)

    async def _before_uploading(self, _: dict[str, Any]) -> None:
        await self.outside.listen(self.immich, self.immich.add_key(self._ann))

    async def _before_waiting_for_nothing(self, _: dict[str, Any]) -> None:
        await self.immich.run_jobs()

    async def _before_reading_a_new_asset(self, step: dict[str, Any]) -> None:
        at = datetime.fromisoformat("2024-05-01T10:00:00Z")
        for recorded_id, asset in sorted(self._recorded_assets.items(), key=lambda each: each[1]["createdAt"]):
            if recorded_id not in self.ours:
                row = self.immich.upload(
                    self._ann,
                    asset["originalFileName"],
                    _synthesised(asset),
                    at=at,
                    device_asset_id=asset.get("deviceAssetId", ""),
                    device_id=asset.get("deviceId", ""),
                )
                self.ours[recorded_id] = row.id
        await self.immich.run_jobs(JobKind.EXTRACT)
        if step["response"]["json"]["thumbhash"]:
            await self.immich.run_jobs()

    async def _before_reading_a_finished_asset(self, _: dict[str, Any]) -> None:
        await self.immich.run_jobs()

    async def _before_reading_a_foreign_asset(self, step: dict[str, Any]) -> None:
        self.ours[_last_part(step)] = self.immich.upload(self._user("Bob"), "bob.jpg", b"another user's file").id

    async def _before_trashing_a_primary(self, _: dict[str, Any]) -> None:
        read_later = next(step["response"]["json"] for step in self.steps if step["step"] == "stack-primary-trashed")
        members = [read_later["primaryAssetId"], *(asset["id"] for asset in read_later["assets"])]
        made = self.immich.stack(self._ann, *(self.immich.state.assets[self.ours[member]] for member in members))
        self.ours[read_later["id"]] = made.id

    async def _before_recording_duplicates(self, _: dict[str, Any]) -> None:
        await self.immich.run_jobs()
        [group] = self._resolved
        members = {self.ours[asset_id] for asset_id in group["keepAssetIds"] + group["trashAssetIds"]}
        self.immich.unstack(*(each for each in self.immich.stacks_of(self._ann) if members & each.members.keys()))

    async def _before_dismissing(self, step: dict[str, Any]) -> None:
        self._record_duplicates(_last_part(step))

    async def _before_making_an_album(self, _: dict[str, Any]) -> None:
        [group] = self._resolved
        self._record_duplicates(self.ours.setdefault(group["duplicateId"], group["duplicateId"]))
        await self.immich.run_jobs()

    def _record_duplicates(self, duplicate_id: str) -> None:
        """As PUT /assets does with the assets that are resolved later on."""
        [group] = self._resolved
        for asset_id in group["keepAssetIds"] + group["trashAssetIds"]:
            row = self.immich.state.assets[self.ours[asset_id]]
            self.immich.state.write(row, duplicate_id=duplicate_id)
            self.immich.jobs.add(JobKind.SIDECAR, row.id)

    @property
    def _resolved(self) -> list[dict[str, Any]]:
        groups: list[dict[str, Any]] = next(
            step["request"]["json"]["groups"] for step in self.steps if step["step"] == "duplicate-resolve"
        )
        return groups

    async def _before_deleting_the_key(self, step: dict[str, Any]) -> None:
        secret = self._principals["ann api key (all)"]["x-api-key"]
        self.ours[_last_part(step)] = self.immich.state.api_keys[secret].id

    def _user(self, name: str) -> UserRow:
        return next(user for user in self.immich.state.users.values() if user.name == name)

    @property
    def _ann(self) -> UserRow:
        return self._user("Ann")

    def _credential(self, principal: str) -> dict[str, str]:
        if principal not in self._principals:
            if principal == "ann api key (all)":
                credential = {"x-api-key": self.immich.add_key(self._ann)}
            else:
                token = self._principals.get("ann", {}).get("token") or self.immich.add_session(self._ann)
                self._principals["ann"] = {"token": token}
                as_cookie = {"cookie": f"immich_access_token={token}"}
                credential = as_cookie if "cookie" in principal else {"authorization": f"Bearer {token}"}
            self._principals[principal] = credential
        return self._principals[principal]

    def _translated(self, value: Any) -> Any:
        """A recorded request in the emulated server's ids, as text or as JSON."""
        text = json.dumps(value)
        for theirs, ours in self.ours.items():
            text = text.replace(json.dumps(theirs)[1:-1], json.dumps(ours)[1:-1])
        return json.loads(text)

    async def _send(self, step: dict[str, Any]) -> httpx.Response:
        request = self._translated(step["request"])
        headers = {**self._credential(step["as_"]), **(request.get("headers") or {})}
        self.http.cookies.clear()  # a cookie would beat the credential of the step
        files = None
        form = request.get("form")
        if form is not None:
            asset = self._recorded_assets[step["response"]["json"]["id"]]
            files = {"assetData": (form.pop("filename"), _synthesised(asset))}
        return await self.http.request(
            request["method"],
            "/api" + request["path"],
            params=request.get("query"),
            json=request["json"],
            headers=headers,
            data=form,
            files=files,
        )

    def _learn(self, step: dict[str, Any], response: httpx.Response) -> None:
        etag = step["response"]["headers"].get("etag", "")
        if etag.startswith("W/"):
            self.ours[etag] = response.headers.get("etag", "")
        if step["step"] == "session-from-session":
            self._principals["ann child session (Bearer)"] = {"authorization": f"Bearer {response.json()['token']}"}
        if step["step"] == "create-api-key-narrow":
            self._principals["ann api key (asset.read, stack.read)"] = {"x-api-key": response.json()["secret"]}

    def _compare_step(self, step: dict[str, Any], response: httpx.Response) -> None:
        recorded = step["response"]
        where = step["step"]
        self._same(where, "status", recorded["status"], response.status_code)
        for header in _HEADERS:
            self._same(where, header, recorded["headers"].get(header), response.headers.get(header))
        theirs, ours = (_media_type(each.get("content-type")) for each in (recorded["headers"], response.headers))
        if theirs:
            self._same(where, "content-type", theirs, ours)
        self._same(where, "cookies", _cookies(recorded["headers"].get("set-cookie")), _cookies_of(response))
        if response.status_code != recorded["status"]:
            return
        if isinstance(recorded.get("lines"), list):
            self._compare_feeds(where, recorded["lines"], [json.loads(line) for line in response.text.splitlines()])
        elif "lines" in recorded:
            self.compare(where, json.loads(recorded["lines"]), response.json())
        elif "json" in recorded:
            self.compare(where, recorded["json"], response.json())
        elif where == "spec":
            self._same(
                where, "version", str(self.immich.state.behaviour.version), Description(response.content).version
            )
        elif sized := _SIZED_TEXT.fullmatch(recorded["text"]):
            if not where.startswith("thumbnail") or recorded["status"] != httpx.codes.OK:
                self._same(where, "length", int(sized[1]), len(response.content))
        else:
            self._same(where, "text", recorded["text"], response.text)

    def compare(self, where: str, theirs: Any, ours: Any, key: str = "") -> None:
        if type(theirs) is not type(ours) and not ({type(theirs), type(ours)} <= {int, float}):
            self.disagreements.append(f"{where}: {theirs!r} was recorded, {ours!r} emulated")
        elif isinstance(theirs, dict):
            self._same(where, "keys", sorted(theirs), sorted(ours))
            for name in theirs.keys() & ours.keys():
                self.compare(f"{where}.{name}", theirs[name], ours[name], name)
        elif isinstance(theirs, list):
            self._compare_lists(where, theirs, ours, key)
        elif _is_uuid(theirs):
            self._same(where, "id", self.ours.setdefault(theirs, ours), ours)
        elif key not in TOLERATED:
            self._same(where, "value", self.ours.get(theirs, theirs) if isinstance(theirs, str) else theirs, ours)

    def _compare_feeds(self, where: str, theirs: list[Any], ours: list[Any]) -> None:
        """Lines by kind: the recorded ones are the first of many, and the jobs of a real server end in any order."""
        for kind in {line["type"] for line in theirs} - NOT_IN_THE_FEED:
            shown, sent = ([line["data"] for line in lines if line["type"] == kind] for lines in (theirs, ours))
            self._same(where, f"{kind} lines", len(shown), len(sent))
            known = {data["id"]: data for data in sent if "id" in data}
            for data, in_its_place in zip(shown, sent, strict=False):
                meant = known.get(self.ours.get(data["id"], "")) if known else None
                self.compare(f"{where}.{kind}", data, meant or in_its_place)

    def _compare_lists(self, where: str, theirs: list[Any], ours: list[Any], key: str) -> None:
        if key in TOLERATED:
            return
        left_out = _ABRIDGED.fullmatch(theirs[-1]) if theirs and isinstance(theirs[-1], str) else None
        shown = theirs[:-1] if left_out else theirs
        self._same(where, "length", len(shown) + int(left_out[1] if left_out else 0), len(ours))
        if where.partition(".")[0] in ORDERED_BY_DATABASE:
            self._compare_sets(where, shown, ours)
            return
        by_id = {each["id"]: each for each in ours if isinstance(each, dict) and "id" in each}
        for position, (theirs_each, ours_each) in enumerate(zip(shown, ours, strict=False)):
            known = self.ours.get(theirs_each["id"], "") if isinstance(theirs_each, dict) and by_id else ""
            self.compare(f"{where}[{position}]", theirs_each, by_id.get(known, ours_each), key)

    def _compare_sets(self, where: str, theirs: list[Any], ours: list[Any]) -> None:
        """Columns of assets in an order of the database's choice."""
        name = where.rpartition(".")[2]
        if name in TOLERATED:
            theirs, ours = ([type(each).__name__ for each in column] for column in (theirs, ours))
        translated = self._translated(theirs)
        self._same(where, "column", sorted(map(repr, translated)), sorted(map(repr, ours)))

    def _same(self, where: str, what: str, theirs: object, ours: object) -> None:
        if theirs != ours:
            self.disagreements.append(f"{where}: {what}: {theirs!r} was recorded, {ours!r} emulated")


class Outside:
    """Who hears of things outside the API: the receiver of webhooks, and a client's websocket."""

    def __init__(self) -> None:
        self.hooks: list[tuple[dict[str, str], Any]] = []
        self.events: list[tuple[str, list[Any]]] = []
        self.url = ""
        self._listening: asyncio.Task[None] | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._is_answered = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Outside]:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield self
        await runner.cleanup()
        if self._listening is not None:
            await self._listening

    async def listen(self, immich: EmulatedImmich, key: str) -> None:
        """Returns once the server has told the client something; it listens until the server goes."""
        told = asyncio.Event()

        async def hear() -> None:
            address = f"{immich.api_url}/socket.io/?EIO=4&transport=websocket"
            async with aiohttp.ClientSession() as http, http.ws_connect(address, headers={"x-api-key": key}) as socket:
                self._socket = socket
                await socket.send_str("40")
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        break
                    if message.data.startswith("42"):
                        name, *arguments = json.loads(message.data[2:])
                        self.events.append((name, arguments))
                        told.set()
                    elif message.data.startswith("44"):
                        self._is_answered.set()

        self._listening = asyncio.create_task(hear())
        await told.wait()

    async def catch_up(self) -> None:
        """Wait until everything that the client was told has arrived: the refusal of a namespace is told after it."""
        assert self._socket is not None
        await self._socket.send_str("40/nowhere,")
        await self._is_answered.wait()

    async def _take(self, request: web.Request) -> web.Response:
        self.hooks.append((dict(request.headers), await request.json()))
        return web.Response()


def _last_part(step: dict[str, Any]) -> str:
    path: str = step["request"]["path"]
    return path.rpartition("/")[2]


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0]


def _cookies(set_cookie: str | None) -> dict[str, list[str]]:
    """Cookie -> the attributes that have a meaning."""
    cookies = re.split(r", (?=immich_)", set_cookie or "")
    parsed: dict[str, list[str]] = {}
    for each in filter(None, cookies):
        for name, morsel in SimpleCookie(re.sub(r"=<[^>]*>", "=token", each)).items():
            kept = ("max-age", "path", "httponly", "samesite")
            parsed[name] = [
                f"{attribute}={morsel[attribute]}" for attribute in kept if morsel[attribute] not in ("", "0", 0)
            ]
    return parsed


def _cookies_of(response: httpx.Response) -> dict[str, list[str]]:
    return _cookies(", ".join(response.headers.get_list("set-cookie")))


async def _replay(version: str) -> Replay:
    recording = _load(version)
    async with (
        Outside().running() as outside,
        EmulatedImmich(version, seed=SEEDS[version], job_delay_s=None) as immich,
        httpx.AsyncClient(base_url=immich.url, trust_env=False) as http,
    ):
        immich.state.description = json.dumps(pin_of(version).published()).encode()
        replay = Replay(recording, immich, http, outside)
        await replay.run()
    return replay


@pytest.mark.parametrize("version", SEEDS)
async def test_every_recorded_step_is_answered_as_recorded(version: str) -> None:
    replay = await _replay(version)
    assert replay.disagreements == []


@pytest.mark.parametrize("version", SEEDS)
async def test_no_recorded_step_is_left_out(version: str, record_property: Any) -> None:
    replay = await _replay(version)
    record_property("replayed", len(replay.replayed))
    assert replay.replayed == [step["step"] for step in replay.steps]
    assert len(replay.replayed) >= 110


def _recorded_events(recording: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """What the recorded client was told, but for what is not emulated."""
    return [
        (entry["event"], entry["args"])
        for entry in recording["websocket"]
        if "event" in entry and entry["event"] not in EVENTS_NOT_EMULATED
    ]


def _asset_id(event: tuple[str, list[Any]]) -> str:
    """The asset that an event carries, "" if it carries none."""
    [carried] = event[1] or [None]
    if not isinstance(carried, dict):
        return ""
    asset_id: str = carried.get("asset", carried).get("id", "")
    return asset_id


@pytest.mark.parametrize("version", SEEDS)
async def test_clients_are_told_what_and_when_the_recorded_client_was(version: str) -> None:
    replay = await _replay(version)
    recorded = _recorded_events(_load(version))
    told = replay.outside.events
    assert [name for name, _ in told] == [name for name, _ in recorded]
    # Jobs of several assets end in any order: what is told of each is compared by itself.
    for name in {name for name, _ in recorded}:
        theirs, ours = ([event for event in events if event[0] == name] for events in (recorded, told))
        for asset_id in {_asset_id(event) for event in theirs}:
            of_theirs = [event[1] for event in theirs if _asset_id(event) == asset_id]
            of_ours = [event[1] for event in ours if _asset_id(event) == replay.ours.get(asset_id, asset_id)]
            assert len(of_ours) == len(of_theirs) > 0
            for their_arguments, our_arguments in zip(of_theirs, of_ours, strict=True):
                replay.compare(name, their_arguments, our_arguments)
    # The jobs of a real server run while other things happen.
    assert [each for each in replay.disagreements if "duplicateId" not in each] == []


@pytest.mark.parametrize("version", SEEDS)
async def test_a_narrow_key_is_sent_away_as_recorded(version: str) -> None:
    recorded = _load(version)["websocket_with_narrow_key"]
    async with Outside().running() as outside, EmulatedImmich(version) as immich:
        narrow = immich.add_key(immich.add_user(), ["asset.read", "stack.read"])
        await outside.listen(immich, narrow)
        assert outside.events == [(each["event"], each["args"]) for each in recorded if "event" in each]
        assert {"connected_after_1s": immich.sockets.count > 0} in recorded


async def test_webhooks_are_sent_as_recorded() -> None:
    recording = _load("3.1.0")
    replay = await _replay("3.1.0")
    ours = {(body["trigger"], body["data"]["asset"]["id"]): (headers, body) for headers, body in replay.outside.hooks}
    assert len(ours) == len(replay.outside.hooks) == 10
    for hook in recording["webhooks"]:
        asset = hook["json"]["data"]["asset"]
        trigger = hook["json"]["trigger"]
        headers, body = ours[trigger, replay.ours[asset["id"]]]
        for name in hook["headers"].keys() - {"Host", "Content-Length"}:
            assert headers[name] == hook["headers"][name]
        assert len(body["data"]["asset"]["checksum"]["data"]) == len(asset["checksum"]["data"])
        was_read, is_read = (each["data"]["asset"]["exifInfo"]["modifyDate"] for each in (hook["json"], body))
        if bool(was_read) is not bool(is_read) or asset["exifInfo"]["tags"]:
            # The recorded job came late, or after a step that is not emulated: only its fields can be compared.
            assert _keys(body) == _keys(hook["json"])
        else:
            replay.compare(trigger, hook["json"], body)
    assert replay.disagreements == []


def _keys(value: Any) -> Any:
    return {key: _keys(each) for key, each in value.items()} if isinstance(value, dict) else None


def test_every_recording_that_the_emulation_cites_exists() -> None:
    recorded = {step["step"] for version in SEEDS for step in _load(version)["steps"]}
    sources = (_ROOT / "sidecar" / "demo" / "immich").glob("*.py")
    cited: set[str] = set()
    for source in sources:
        text = re.sub(r"\s+", " ", source.read_text())
        for names in re.findall(r"[Rr]ecordings? ((?:[a-z0-9*-]+(?:, | and )?)+)", text):
            cited |= {name for name in re.split(r", | and ", names) if "-" in name}
    unknown = {name for name in cited if not any(fnmatchcase(step, name) for step in recorded)}
    assert cited
    assert unknown == set()
