"""Changes that events told, polls, what Immich was asked to do again, and counts of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("auto_stack_id", sa.Text(), nullable=True),
        sa.Column("heard_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_changes")),
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_changes_owner_id_not_before_ms"), ["owner_id", "not_before_ms"], unique=False
        )
    op.create_table(
        "polls",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("polled_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("news_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("stacks_read_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("redo_due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("looked_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_polls")),
    )
    op.create_table(
        "redos",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("job", sa.String(length=16), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("asked_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", "job", name=op.f("pk_redos")),
    )
    op.create_table(
        "event_counts",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "source", "outcome", name=op.f("pk_event_counts")),
    )
    with op.batch_alter_table("work", schema=None) as batch_op:
        batch_op.add_column(sa.Column("latest_ms", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("scans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("began_at_ms", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("actions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_actions_owner_id_state_ended_at_ms"), ["owner_id", "state", "ended_at_ms"], unique=False
        )
