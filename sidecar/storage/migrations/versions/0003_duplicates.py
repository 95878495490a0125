"""Duplicates: what files and pictures are, what was found, and what was decided about it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.String(length=64), nullable=True),
        sa.Column("sha1", sa.String(length=28), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("flaw", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_contents")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("contents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contents_owner_id_sha256"), ["owner_id", "sha256"], unique=False)

    op.create_table(
        "detections",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("detection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("looked", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("files_read", sa.Integer(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("matches", sa.Integer(), nullable=False),
        sa.Column("sets", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("requested_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_results_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "detection_id", name=op.f("pk_detections")),
    )
    op.create_table(
        "duplicate_set_members",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=12), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("unit_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_suggested", sa.Boolean(), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=True),
        sa.Column("seen_as", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "set_id", "position", name=op.f("pk_duplicate_set_members")),
    )
    with op.batch_alter_table("duplicate_set_members", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_duplicate_set_members_owner_id_asset_id"), ["owner_id", "asset_id"], unique=False
        )

    op.create_table(
        "duplicate_sets",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("best_id", sa.String(length=36), nullable=False),
        sa.Column("savings_bytes", sa.BigInteger(), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False),
        sa.Column("member_count", sa.Integer(), nullable=False),
        sa.Column("found_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "set_id", name=op.f("pk_duplicate_sets")),
    )
    with op.batch_alter_table("duplicate_sets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_duplicate_sets_owner_id_found_at_ms_set_id"),
            ["owner_id", "found_at_ms", "set_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_duplicate_sets_owner_id_savings_bytes_set_id"),
            ["owner_id", "savings_bytes", "set_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_duplicate_sets_owner_id_similarity_set_id"),
            ["owner_id", "similarity", "set_id"],
            unique=False,
        )

    op.create_table(
        "fingerprints",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("phash", sa.BigInteger(), nullable=True),
        sa.Column("margin", sa.Float(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("is_searched", sa.Boolean(), nullable=False),
        sa.Column("flaw", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_fingerprints")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "matches",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_a", sa.String(length=36), nullable=False),
        sa.Column("asset_b", sa.String(length=36), nullable=False),
        sa.Column("detector", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("looks_equal", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_a", "asset_b", "detector", name=op.f("pk_matches")),
    )
    with op.batch_alter_table("matches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_matches_owner_id_asset_b"), ["owner_id", "asset_b"], unique=False)

    op.create_table(
        "native_records",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=12), nullable=False),
        sa.Column("duplicate_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("written_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("taken_away", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_native_records")),
    )
    op.create_table(
        "originals",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("library_id", sa.String(length=36), nullable=True),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("modified_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("thumbhash", sa.Text(), nullable=True),
        sa.Column("is_favorite", sa.Boolean(), nullable=False),
        sa.Column("duplicate_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_originals")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("originals", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_originals_owner_id_duplicate_id"),
            ["owner_id", "duplicate_id"],
            unique=False,
            sqlite_where=sa.text("duplicate_id IS NOT NULL"),
            postgresql_where=sa.text("duplicate_id IS NOT NULL"),
        )

    op.create_table(
        "partner_copies",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("scan_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_partner_copies")),
    )
    with op.batch_alter_table("partner_copies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_partner_copies_owner_id_checksum"), ["owner_id", "checksum"], unique=False)

    op.create_table(
        "pixels",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("luma", sa.LargeBinary(length=1024), nullable=False),
        sa.Column("colours", sa.LargeBinary(length=192), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_pixels")),
    )
    op.create_table(
        "resolutions",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("resolution_id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("keep_ids", sa.Text(), nullable=False),
        sa.Column("trash_ids", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("agreed", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("gained", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("decided_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "resolution_id", name=op.f("pk_resolutions")),
    )
    with op.batch_alter_table("resolutions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_resolutions_open",
            ["owner_id", "decided_at_ms", "resolution_id"],
            unique=False,
            sqlite_where=sa.text("ended_at_ms IS NULL"),
            postgresql_where=sa.text("ended_at_ms IS NULL"),
        )

    op.create_table(
        "searches",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_searches")),
    )
    with op.batch_alter_table("assets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_assets_owner_id_live_photo_video_id"),
            ["owner_id", "live_photo_video_id"],
            unique=False,
            sqlite_where=sa.text("live_photo_video_id IS NOT NULL"),
            postgresql_where=sa.text("live_photo_video_id IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_assets_owner_id_size_bytes"), ["owner_id", "size_bytes"], unique=False)

    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sha1", sa.String(length=28), nullable=True))
        batch_op.create_index(batch_op.f("ix_decisions_owner_id_sha1"), ["owner_id", "sha1"], unique=False)

    _read_libraries_anew()


def _read_libraries_anew() -> None:
    """Of assets that are known already nothing is known about their files, which only a full scan tells."""
    op.execute(
        "INSERT INTO scans (owner_id, scan_id, state, expected, found, missing, broken, gone, stacks, lease_until_ms, "
        "attempts, not_before_ms, requested_at_ms) "
        "SELECT owner_id, max(scan_id) + 1, 'requested', 0, 0, 0, 0, 0, 0, 0, 0, 0, max(requested_at_ms) FROM scans "
        "GROUP BY owner_id HAVING sum(CASE WHEN state IN ('requested', 'running') THEN 1 ELSE 0 END) = 0"
    )
