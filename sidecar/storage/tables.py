"""The tables, in SQLAlchemy Core. What they look like over time is in migrations/; a test holds both equal.

Times are ms since 1970 (`_ms`). Lists of ids that are only ever read whole are JSON; what is searched for has a row.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, false, text

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
)

_ID = String(36)
_INTENDED = text("state = 'intended'")
_HAS_BURST = text("auto_stack_id IS NOT NULL")

owners = Table(
    "owners",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    # The newest `updatedAt` that Immich showed us, by the server's clock; where looking for changes goes on.
    Column("watermark_ms", BigInteger, nullable=False),
    # The server's time before the last complete list of its stacks was asked for.
    Column("stacks_known_at_ms", BigInteger, nullable=False),
    # What the stored stems and proposals were computed with; another value means: pair everything anew.
    Column("rules", String(64), nullable=False),
)

assets = Table(
    "assets",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("stem", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("folder", Text),
    Column("kind", String(8), nullable=False),
    Column("visibility", String(8), nullable=False),
    Column("taken_at_ms", BigInteger, nullable=False),
    Column("taken_local_ms", BigInteger, nullable=False),
    Column("make", Text),
    Column("model", Text),
    Column("duration_ms", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("size_bytes", BigInteger),
    Column("live_photo_video_id", _ID),
    Column("is_trashed", Boolean(create_constraint=False), nullable=False),
    Column("is_offline", Boolean(create_constraint=False), nullable=False),
    Column("is_extracted", Boolean(create_constraint=False), nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    # The camera's own burst id, which only webhooks carry: a search that does not know it takes nothing away.
    Column("auto_stack_id", Text),
    # What the first bytes are, where somebody looked; forgotten when the size changes.
    Column("content", String(8)),
    # The full scan that last saw the asset; one that a scan did not see is asked for by id before it counts as gone.
    Column("scan_id", BigInteger, nullable=False),
    Index(None, "owner_id", "stem"),
    Index(None, "owner_id", "auto_stack_id", sqlite_where=_HAS_BURST, postgresql_where=_HAS_BURST),
)

stack_members = Table(
    "stack_members",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("stack_id", _ID, nullable=False),
    Column("is_primary", Boolean(create_constraint=False), nullable=False),
    # By our clock. A list of stacks asked for before this moment says nothing against the row.
    Column("seen_at_ms", BigInteger, nullable=False),
    Index(None, "owner_id", "stack_id"),
)

work = Table(
    "work",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("stem", Text, primary_key=True),
    # Raised by every mark; a job finishes the generation it claimed, so a mark made meanwhile is never lost.
    Column("generation", Integer, nullable=False),
    Column("claimed_generation", Integer, nullable=False),
    Column("lease", String(36)),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("error", Text),
    Index(None, "owner_id", "not_before_ms"),
)

groups = Table(
    "groups",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("group_id", _ID, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("primary_id", _ID, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("group_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Index(None, "owner_id", "asset_id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("decision_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("kind", String(16), nullable=False),
    # How we came to know it: "unstacked", "removed", "rejected", "undone", "recalled".
    Column("source", String(16), nullable=False, server_default="unstacked"),
    # What the asset is whatever its id: uploaded or imported anew it gets another one, and the decision still holds.
    Column("identity", String(32)),
    # Of a cover that somebody chose: true for the chosen one.
    Column("is_chosen", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("decided_at_ms", BigInteger, nullable=False),
    Index(None, "owner_id", "asset_id"),
    Index(None, "owner_id", "identity"),
)

# Assets whose decisions Immich does not hold yet as we do; the same kind of marks as `work`.
memos = Table(
    "memos",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    # Immich still holds what is no longer decided: what its memo tells until it is written is not believed.
    Column("holds_revoked", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("error", Text),
    Index(None, "owner_id", "not_before_ms"),
)

preferences = Table(
    "preferences",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    # What the user chose, as JSON; what they did not choose is not in it.
    Column("chosen", Text, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)

actions = Table(
    "actions",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("action_id", _ID, primary_key=True),
    Column("group_id", _ID, nullable=False),
    Column("stem", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("member_ids", Text, nullable=False),
    # The stacks that the write replaces, as [{"id", "primary_id", "member_ids"}]: all that undo needs.
    Column("before", Text, nullable=False),
    # The stacks that should be there afterwards, where that is not one new stack of the members.
    Column("after", Text),
    # The earlier writes that this one takes back, as a list of ids.
    Column("undoes", Text),
    # Who wanted it: "rules" or "user".
    Column("origin", String(8), nullable=False, server_default="rules"),
    Column("stack_id", _ID),
    # The server's time from which on its stacks were not known when the write was planned: a member that changed later
    # is looked at before it is written.
    Column("known_at_ms", BigInteger, nullable=False),
    # The newest `updatedAt` of the members, as the mirror had them then.
    Column("members_at_ms", BigInteger, nullable=False),
    Column("lease", String(36)),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("error", Text),
    Column("intended_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    # Small however long the journal grows; queries must spell the state out for the index to be used.
    Index(
        "ix_actions_intended",
        "owner_id",
        "intended_at_ms",
        "action_id",
        sqlite_where=_INTENDED,
        postgresql_where=_INTENDED,
    ),
    Index("ix_actions_intended_stem", "owner_id", "stem", sqlite_where=_INTENDED, postgresql_where=_INTENDED),
)

findings = Table(
    "findings",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("stem", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    # Short and stable as long as the match is the same one: what people name it by.
    Column("finding_id", String(12), nullable=False, server_default=""),
    Column("kind", String(16), nullable=False),
    # What the members are to each other, or what is to be repaired.
    Column("subject", String(16), nullable=False, server_default=""),
    Column("asset_ids", Text, nullable=False),
    # [[code, detail]], the one that decided about the kind first.
    Column("reasons", Text, nullable=False),
    Index(None, "owner_id", "kind"),
    Index(None, "owner_id", "finding_id"),
)

scans = Table(
    "scans",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("scan_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("expected", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    # What the server counted and no page showed, in the end: assets without metadata, which searches leave out.
    Column("missing", Integer, nullable=False),
    Column("broken", Integer, nullable=False),
    Column("gone", Integer, nullable=False),
    Column("stacks", Integer, nullable=False),
    Column("lease", String(36)),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("error", Text),
    Column("requested_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
)
