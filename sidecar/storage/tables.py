"""The tables, in SQLAlchemy Core. What they look like over time is in migrations/; a test holds both equal.

Times are ms since 1970 (`_ms`). Lists of ids that are only ever read whole are JSON; what is searched for has a row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
)

_ID = String(36)
_INTENDED = text("state = 'intended'")
_HAS_BURST = text("auto_stack_id IS NOT NULL")
_HAS_VIDEO = text("live_photo_video_id IS NOT NULL")
_HAS_DUPLICATE_ID = text("duplicate_id IS NOT NULL")
_IS_OPEN = text("ended_at_ms IS NULL")
_IS_UNDO = text("kind = 'undo'")

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

# Who connected the sidecar, with which key, sealed. Keys of the settings are not here.
accounts = Table(
    "accounts",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sealed_key", Text),
    Column("key_id", _ID),
    # The name of a key that Immich was asked for and that is not in use: a kill may have left it there.
    Column("attempt", Text),
    # What is remembered of this user is being forgotten.
    Column("is_leaving", Boolean(create_constraint=False), nullable=False),
    Column("connected_at_ms", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
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
    Index(None, "owner_id", "live_photo_video_id", sqlite_where=_HAS_VIDEO, postgresql_where=_HAS_VIDEO),
    # Equal files have equal sizes: where the search for them begins.
    Index(None, "owner_id", "size_bytes"),
    # The timeline.
    Index(None, "owner_id", "taken_local_ms", "asset_id"),
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
    # Until when further events may put the look off, 0 where none does: an asset that never rests is looked at, too.
    Column("latest_ms", BigInteger, nullable=False, server_default="0"),
    Index(None, "owner_id", "not_before_ms"),
)

# What events said is to be looked at again, one row an asset however often it was said; an empty id stands for the
# owner's stacks. The same kind of marks as `work`.
changes = Table(
    "changes",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("source", String(16), nullable=False),
    Column("generation", Integer, nullable=False),
    # The newest `updatedAt` that an event told, by the server's clock.
    Column("updated_at_ms", BigInteger),
    # The camera's own burst id, which only webhooks carry.
    Column("auto_stack_id", Text),
    Column("heard_at_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("error", Text),
    Index(None, "owner_id", "not_before_ms"),
)

# When each owner's library is asked for changes next, and what became of it last.
polls = Table(
    "polls",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("due_at_ms", BigInteger, nullable=False),
    # After a failure nothing is asked before this moment, whatever events say.
    Column("not_before_ms", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("polled_at_ms", BigInteger, nullable=False),
    Column("news_at_ms", BigInteger, nullable=False),
    Column("stacks_read_at_ms", BigInteger, nullable=False),
    # When Immich's missing work is looked for next.
    Column("redo_due_at_ms", BigInteger, nullable=False),
    # Until when, by the server's clock, looks between two polls have seen what changed.
    Column("looked_ms", BigInteger, nullable=False),
    Column("error", Text),
)

# What Immich was asked to do again about a file as it is: it is asked once.
redos = Table(
    "redos",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("job", String(16), primary_key=True),
    Column("basis", Text, nullable=False),
    Column("asked_at_ms", BigInteger, nullable=False),
)

# When a user was told last, in Immich, that something waits for them, and when it is to be thought of next.
told = Table(
    "told",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("told_at_ms", BigInteger, nullable=False),
    # What was found until then is not new; what they could not be told of is.
    Column("known_at_ms", BigInteger, nullable=False),
)

# What of the findings waited then: it is not new.
told_findings = Table(
    "told_findings",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("finding_id", String(12), primary_key=True),
)

# How often which source told what; an empty owner stands for nobody whom we know.
event_counts = Table(
    "event_counts",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
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
    # All that there is, or SQLite would rather read every group of the owner from the primary key's index.
    Index(None, "owner_id", "asset_id", "group_id"),
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
    # Of decisions about duplicates, what the bytes are, in base64: a copy imported anew under any name is still meant.
    Column("sha1", String(28)),
    # Of a cover that somebody chose: true for the chosen one.
    Column("is_chosen", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("decided_at_ms", BigInteger, nullable=False),
    Index(None, "owner_id", "asset_id"),
    Index(None, "owner_id", "identity"),
    Index(None, "owner_id", "sha1"),
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
    # How much was done lately, and what failed.
    Index(None, "owner_id", "state", "ended_at_ms"),
    # All of it, the latest first; and what was taken back.
    Index(None, "owner_id", "intended_at_ms", "action_id"),
    Index("ix_actions_undo", "owner_id", "state", sqlite_where=_IS_UNDO, postgresql_where=_IS_UNDO),
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
    Column("began_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
)

# What Immich tells about each asset's file, and what pairing does not ask about.
originals = Table(
    "originals",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("path", Text, nullable=False),
    Column("library_id", _ID),
    # Immich's own: of the content of uploads, of the path of library files.
    Column("checksum", String(64), nullable=False),
    Column("modified_at_ms", BigInteger, nullable=False),
    Column("thumbhash", Text),
    Column("is_favorite", Boolean(create_constraint=False), nullable=False),
    Column("duplicate_id", _ID),
    Index(None, "owner_id", "duplicate_id", sqlite_where=_HAS_DUPLICATE_ID, postgresql_where=_HAS_DUPLICATE_ID),
    sqlite_with_rowid=False,
)

# What was read of files; good only as long as the file has this size and this time.
contents = Table(
    "contents",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("modified_at_ms", BigInteger, nullable=False),
    # A hash of the first and the last bytes; the whole is read only of files that are alike in these.
    Column("ends", String(64)),
    # In base64, as Immich writes it.
    Column("sha1", String(28)),
    Column("sha256", String(64)),
    Column("flaw", Text),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Index(None, "owner_id", "sha256"),
    sqlite_with_rowid=False,
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("version", Integer, nullable=False),
    # What the picture was when it was looked at: another basis means that it is to be looked at again.
    Column("basis", Text, nullable=False),
    # 64 bits as a signed number; none where the picture could not be read.
    Column("phash", BigInteger),
    Column("margin", Float),
    Column("width", Integer),
    Column("height", Integer),
    # Whether it was searched for among all others.
    Column("is_searched", Boolean(create_constraint=False), nullable=False),
    Column("flaw", String(32)),
    Column("detail", Text),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Apart from the hashes, all of which are read at once: with these in the same rows, that would be twenty times as much.
pixels = Table(
    "pixels",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    # 32 x 32 of luma; 8 x 8 of mean Y, Cb and Cr.
    Column("luma", LargeBinary(1024), nullable=False),
    Column("colours", LargeBinary(192), nullable=False),
)

# With which version and which settings each owner's matches were found; others mean: search everything anew.
searches = Table(
    "searches",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("basis", Text, nullable=False),
)

matches = Table(
    "matches",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    # The smaller id is a.
    Column("asset_a", _ID, primary_key=True),
    Column("asset_b", _ID, primary_key=True),
    Column("detector", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("similarity", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("looks_equal", Boolean(create_constraint=False), nullable=False),
    Index(None, "owner_id", "asset_b"),
)

duplicate_sets = Table(
    "duplicate_sets",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    # Made of the members: a set that changed has another one.
    Column("set_id", String(12), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("best_id", _ID, nullable=False),
    Column("savings_bytes", BigInteger, nullable=False),
    # The lowest of the members.
    Column("similarity", Float, nullable=False),
    Column("member_count", Integer, nullable=False),
    Column("found_at_ms", BigInteger, nullable=False),
    Index(None, "owner_id", "found_at_ms", "set_id"),
    Index(None, "owner_id", "savings_bytes", "set_id"),
    Index(None, "owner_id", "similarity", "set_id"),
    # How much there is of each kind, which every page tells.
    Index(None, "owner_id", "kind", "member_count", "savings_bytes"),
)

duplicate_set_members = Table(
    "duplicate_set_members",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("set_id", String(12), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("asset_id", _ID, nullable=False),
    # The stack it is in, or its own id.
    Column("unit_id", _ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("similarity", Float),
    Column("reason", Text, nullable=False),
    Column("is_suggested", Boolean(create_constraint=False), nullable=False),
    # SHA-256, where it is known: equal ones are the same bytes.
    Column("content", String(64)),
    # What the file was when the set was formed; a decision about it holds for no other.
    Column("seen_as", String(64), nullable=False),
    Index(None, "owner_id", "asset_id"),
)

# The journal of what people decided to keep and to trash; what is not over has no end.
resolutions = Table(
    "resolutions",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("resolution_id", _ID, primary_key=True),
    Column("set_id", String(12), nullable=False),
    Column("state", String(16), nullable=False),
    Column("keep_ids", Text, nullable=False),
    Column("trash_ids", Text, nullable=False),
    Column("origin", String(16), nullable=False),
    # What the person was told and agreed to, as JSON.
    Column("agreed", Text),
    # All that was known of every asset before the first write, as JSON: what undo needs.
    Column("before", Text),
    # What the merge added, as JSON: what undo takes back.
    Column("gained", Text),
    # How far it has come within its state, as JSON.
    Column("step", Text),
    Column("lease", String(36)),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("error", Text),
    Column("decided_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Index(
        "ix_resolutions_open",
        "owner_id",
        "decided_at_ms",
        "resolution_id",
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    ),
    Index(None, "owner_id", "decided_at_ms", "resolution_id"),
)

# The duplicate ids that we gave to assets in Immich, or are about to give or to take away.
native_records = Table(
    "native_records",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("set_id", String(12), nullable=False),
    Column("duplicate_id", _ID, nullable=False),
    Column("state", String(16), nullable=False),
    Column("written_at_ms", BigInteger, nullable=False),
    # How often Immich had taken one away before this was written.
    Column("taken_away", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
)

# Uploads of partners that the owner's timeline shows: told about, never touched.
partner_copies = Table(
    "partner_copies",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("partner_id", _ID, nullable=False),
    Column("checksum", String(64), nullable=False),
    Column("size_bytes", BigInteger),
    # The full scan that last saw it; one that a scan did not see is forgotten.
    Column("scan_id", BigInteger, nullable=False),
    Index(None, "owner_id", "checksum"),
)

# Who shares their library with the owner, as far as the owner wants to see it in the timeline.
partners = Table(
    "partners",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("partner_id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
)

# What the owner's timeline shows of partners: shown, never touched, and in no group.
partner_assets = Table(
    "partner_assets",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("asset_id", _ID, primary_key=True),
    Column("partner_id", _ID, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("taken_at_ms", BigInteger, nullable=False),
    Column("taken_local_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("size_bytes", BigInteger),
    # The full scan that last saw it; one that a scan did not see is forgotten.
    Column("scan_id", BigInteger, nullable=False),
    Index(None, "owner_id", "taken_local_ms", "asset_id"),
)

detections = Table(
    "detections",
    metadata,
    Column("owner_id", _ID, primary_key=True),
    Column("detection_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("looked", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("files_read", Integer, nullable=False),
    Column("bytes_read", BigInteger, nullable=False),
    Column("candidates", Integer, nullable=False),
    Column("matches", Integer, nullable=False),
    Column("sets", Integer, nullable=False),
    Column("lease", String(36)),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("error", Text),
    Column("requested_at_ms", BigInteger, nullable=False),
    Column("first_results_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
)
