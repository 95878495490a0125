"""The emulated Immich as one object: start it, talk to its URL, and reach behind the counter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from sidecar.demo.immich import (
    accounts,
    albums,
    asset_metadata,
    assets,
    duplicates,
    intake,
    links,
    media_files,
    notifications,
    queues,
    search,
    server_info,
    stacks,
    sync,
    tags,
    timeline,
    trash,
    workflows,
)
from sidecar.demo.immich.background import JobKind, Jobs
from sidecar.demo.immich.described import description_of
from sidecar.demo.immich.intake import Made, Uploaded
from sidecar.demo.immich.pictures import Decode
from sidecar.demo.immich.routing import API, add_operations
from sidecar.demo.immich.rows import (
    AlbumRow,
    AssetFiles,
    AssetRow,
    LinkRow,
    NotificationRow,
    StackRow,
    StepRow,
    TagRow,
    UserRow,
    WorkflowRow,
)
from sidecar.demo.immich.sign_in_page import SignInPage
from sidecar.demo.immich.sockets import PATH as SOCKETS_PATH
from sidecar.demo.immich.sockets import Sockets
from sidecar.demo.immich.state import State
from sidecar.demo.immich.times import microseconds
from sidecar.demo.immich.traffic import Call, Failure, Traffic
from sidecar.demo.immich.versions import behaviour_of
from sidecar.demo.immich.webhooks import Sent, Webhooks
from sidecar.media.decode import open_picture
from sidecar.model import Visibility

_MAX_BODY_BYTES = 10 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MEMO_KEY = "immich-sidecar"
"""The key that `memo_of` and `write_memo` mean unless told otherwise."""


class EmulatedImmich:
    """An Immich of the given version on loopback, empty until filled.

    Shape:  `async with EmulatedImmich() as immich`, then `immich.url` (no /api at its end). `state` may be read freely.
            decode turns a file into a picture.
    Units:  port 0 takes a free one. job_delay_s is waited before each background job; None holds them until `run_jobs`.
            Websockets are pinged every ping_interval_s, and have ping_timeout_s to answer.
    Errors: ValueError for a version that cannot be emulated.
    """

    def __init__(
        self,
        version: str = "3.1.0",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        job_delay_s: float | None = 0.0,
        decode: Decode = open_picture,
        ping_interval_s: float = 25.0,
        ping_timeout_s: float = 20.0,
    ) -> None:
        behaviour = behaviour_of(version)
        self.state = State(behaviour, seed=seed)
        self.state.description = description_of(version)
        self._feed = sync.Feed(self.state)
        self.traffic = Traffic(behaviour)
        self.jobs = Jobs(self.state, decode=decode, delay_s=job_delay_s)
        self._webhooks = Webhooks(self.state)
        self.sockets = Sockets(self.state, ping_interval_s=ping_interval_s, ping_timeout_s=ping_timeout_s)
        self.sign_in_page = SignInPage(self.state)
        self.state.audience += (self._webhooks.hear, self.sockets.hear)
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"http://{self._host}:{self._port}"

    @property
    def api_url(self) -> str:
        """The url with /api."""
        return self.url + API

    @property
    def calls(self) -> list[Call]:
        """Every answered request, oldest first; may be cleared."""
        return self.traffic.calls

    @property
    def webhooks(self) -> list[Sent]:
        """Every webhook that was sent, in the order in which they were answered or failed; may be cleared."""
        return self._webhooks.sent

    async def start(self) -> None:
        """Listen."""
        app = web.Application(middlewares=[self.traffic.middleware()], client_max_size=_MAX_BODY_BYTES)
        for operations in (
            server_info.OPERATIONS,
            accounts.OPERATIONS,
            search.operations(self.state),
            timeline.operations(self.state),
            intake.OPERATIONS,
            assets.OPERATIONS,
            asset_metadata.OPERATIONS,
            media_files.OPERATIONS,
            trash.OPERATIONS,
            stacks.OPERATIONS,
            duplicates.operations(self.state.behaviour),
            albums.OPERATIONS,
            tags.OPERATIONS,
            links.OPERATIONS,
            notifications.OPERATIONS,
            workflows.operations(self.state.behaviour),
            sync.operations(self._feed),
            queues.operations(self._webhooks),
        ):
            add_operations(app, operations, self.state, self.jobs)
        app.router.add_route("GET", SOCKETS_PATH, self.sockets.answer)
        self.sign_in_page.add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Cut what hangs, stop the jobs, close the port."""
        self.traffic.closing.set()
        await self.jobs.close()
        await self._webhooks.close()
        await self.sockets.drop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def add_user(self, name: str = "Ann", *, is_admin: bool = False, password: str = "password") -> UserRow:  # noqa: S107
        """A user with the address <name>@example.com."""
        return accounts.create_user(
            self.state, email=f"{name}@example.com", name=name, password=password, is_admin=is_admin
        )

    def add_session(self, user: UserRow) -> str:
        """A token as login gives it, for Bearer or the cookie."""
        return accounts.create_session(self.state, user)

    def add_key(self, user: UserRow, permissions: Iterable[str] = ("all",), *, name: str = "key") -> str:
        """An API key's secret."""
        return accounts.create_api_key(self.state, user, name=name, permissions=tuple(permissions)).secret

    def told(self, user: UserRow) -> list[NotificationRow]:
        """What the user's bell holds, oldest first."""
        return [row for row in self.state.notifications if row.user_id == user.id]

    def revoke_key(self, secret: str) -> None:
        """The key is refused from now on."""
        del self.state.api_keys[secret]

    def share_timeline(self, owner: UserRow, partner: UserRow, *, in_timeline: bool = True) -> None:
        """Let the partner see the owner's timeline."""
        self.state.partners[owner.id, partner.id] = in_timeline

    def add_asset(self, owner: UserRow, name: str, *, taken_at: datetime, **facts: Any) -> AssetRow:
        """An asset without a file, as if read already; facts are fields of Made.

        Errors: TypeError for a fact that Made lacks.
        """
        [row] = self.add_assets(owner, [Made(name=name, taken_at=taken_at, **facts)])
        return row

    def add_assets(self, owner: UserRow, many: Iterable[Made]) -> list[AssetRow]:
        """Any number of assets without files."""
        return intake.make_assets(self.state, owner.id, many)

    def upload(self, owner: UserRow, name: str, data: bytes, *, at: datetime = _EPOCH, **facts: Any) -> AssetRow:
        """The asset of an uploaded file, new or known; facts are fields of Uploaded. Jobs run in the background.

        Errors: Refusal for a name that Immich does not take; TypeError for a fact that Uploaded lacks.
        """
        at_us = microseconds(at)
        file = Uploaded(name=name, data=data, file_created_us=at_us, file_modified_us=at_us, **facts)
        row, _ = intake.store_upload(self.state, self.jobs, owner.id, file)
        return row

    def import_file(
        self, owner: UserRow, path: str, data: bytes, *, library_id: str | None = None, at: datetime = _EPOCH
    ) -> AssetRow:
        """The asset of a file in an external library; by default each user has one library."""
        at_us = microseconds(at)
        file = Uploaded(name=path.rpartition("/")[2], data=data, file_created_us=at_us, file_modified_us=at_us)
        return intake.import_file(self.state, self.jobs, owner.id, file, path=path, library_id=library_id or owner.id)

    def stack(self, owner: UserRow, *members: AssetRow) -> StackRow:
        """Stack as the user does in the app; the first is the primary."""
        return stacks.create_stack(self.state, owner.id, [row.id for row in members])

    def unstack(self, *made: StackRow) -> None:
        """Dissolve stacks of one owner as the user does in the app."""
        stacks.dissolve(self.state, made[0].owner_id, made)

    def stacks_of(self, owner: UserRow) -> list[StackRow]:
        """The user's stacks, oldest first."""
        return [stack for stack in self.state.stacks.values() if stack.owner_id == owner.id]

    def trash(self, *rows: AssetRow) -> None:
        """Trash as the user does."""
        trash.trash_assets(self.state, rows)

    def restore(self, *rows: AssetRow) -> None:
        """Restore as the user does."""
        trash.restore_assets(self.state, rows)

    def delete_for_good(self, *rows: AssetRow) -> None:
        """Delete as the user does; the rows go when the background job has run."""
        trash.delete_assets(self.state, self.jobs, rows)

    def set_trash(self, *, is_on: bool) -> None:
        """Switch the server's trash on or off, as its admin does."""
        self.state.has_trash = is_on

    def pass_night(self) -> int:
        """Purge what the trash held for its time, all of it where the trash is off; how many assets go."""
        return trash.empty_expired(self.state, self.jobs)

    def album(
        self,
        owner: UserRow,
        name: str,
        *rows: AssetRow,
        editors: Iterable[UserRow] = (),
        viewers: Iterable[UserRow] = (),
    ) -> AlbumRow:
        """An album with these assets, shared with editors and viewers."""
        users = dict.fromkeys((user.id for user in viewers), albums.VIEWER)
        users |= dict.fromkeys((user.id for user in editors), albums.EDITOR)
        return albums.create_album(self.state, owner.id, name, [row.id for row in rows], users=users)

    def tag(self, owner: UserRow, value: str, *rows: AssetRow) -> TagRow:
        """The owner's tag with this path, on these assets too.

        Errors: ValueError for an empty path.
        """
        tag = tags.upsert_tag(self.state, owner.id, value)
        if tag is None:
            raise ValueError("A tag has a name")
        self.state.put_in(tag, [row.id for row in rows])
        return tag

    def link(self, owner: UserRow, *rows: AssetRow, album: AlbumRow | None = None) -> LinkRow:
        """A public link to these assets, or to the album."""
        album_id = None if album is None else album.id
        return links.create_link(self.state, owner.id, asset_ids=[row.id for row in rows], album_id=album_id)

    def burst(self, rows: Iterable[AssetRow], auto_stack_id: str | None) -> None:
        """Let the files name this burst: webhooks tell it from the next reading of the file on, and nothing else does.

        Source: autoStackId in recorded webhooks; no answer of the API has it (published descriptions).
        """
        for row in rows:
            row.auto_stack_id = auto_stack_id

    def workflow(
        self,
        owner: UserRow,
        url: str,
        *,
        trigger: workflows.Trigger = workflows.Trigger.EXTRACTED,
        **config: Any,
    ) -> WorkflowRow:
        """A workflow of the user that sends a webhook to the url; config is what else the step is told."""
        step = StepRow(workflows.WEBHOOK, {"url": url, **config}, is_enabled=True)
        return workflows.create_workflow(self.state, owner.id, trigger=trigger, steps=[step], name=trigger)

    def albums_of(self, row: AssetRow) -> list[AlbumRow]:
        """The albums that hold the asset, oldest first."""
        return [album for album in self.state.albums.values() if row.id in album.assets]

    def links_of(self, row: AssetRow) -> list[LinkRow]:
        """The links to single assets that hold the asset, oldest first."""
        return [link for link in self.state.links.values() if row.id in link.assets]

    def set_thumbnail(self, row: AssetRow, data: bytes | None) -> None:
        """Let the asset have this thumbnail, or none; its thumbhash stays."""
        self.state.files.setdefault(row.id, AssetFiles(original=None)).thumbnail = data

    def set_original(self, row: AssetRow, data: bytes | None) -> None:
        """Let the asset's file hold these bytes, or be lost; what was read from it stays."""
        self.state.files.setdefault(row.id, AssetFiles(original=None)).original = data

    def set_visibility(self, row: AssetRow, visibility: Visibility) -> None:
        """Archive, hide, lock or show as the user does."""
        self.state.write(row, visibility=visibility)

    def set_offline(self, row: AssetRow) -> None:
        """A library file that its disk lost.

        Source: UNVERIFIED offline-search.
        """
        self.state.write(row, is_offline=True, deleted_us=self.state.now_us())

    def memo_of(self, row: AssetRow, key: str = MEMO_KEY) -> dict[str, Any] | None:
        """What a client keeps with the asset under this key, None if nothing or if the asset is gone."""
        kept = self.state.metadata_of(row).get(key)
        return None if kept is None else kept.value

    def write_memo(self, row: AssetRow, value: dict[str, Any], key: str = MEMO_KEY) -> None:
        """Keep an object with the asset under this key, as its owner's client does."""
        self.state.write_metadata(row, key, asset_metadata.as_kept(value))

    async def detect_duplicates(self, owner: UserRow, *, max_distance: int = 4, force: bool = True) -> int:
        """Run the near-duplicate job for one user; how many assets got another duplicateId, or lost theirs."""
        return duplicates.detect_duplicates(self.state, owner.id, max_distance=max_distance, force=force)

    def fail(self, method: str = "*", path: str = "*", **how: Any) -> Failure:
        """Script what happens to the next matching calls; how names fields of Failure.

        Errors: TypeError for a field that Failure lacks.
        """
        return self.traffic.fail(Failure(method=method, path=path, **how))

    async def settle(self) -> None:
        """Wait until all background jobs are done, and all webhooks that they caused are answered."""
        await self.jobs.settle()
        await self._webhooks.settle()

    async def run_jobs(self, *kinds: JobKind) -> int:
        """Do the waiting jobs of these kinds now, by default all; how many were done."""
        return await self.jobs.run(kinds or tuple(JobKind))
