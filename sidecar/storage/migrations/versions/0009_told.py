"""When each user was told in Immich that something waits for them, and what waited then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "told",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("told_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("known_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_told")),
    )
    op.create_table(
        "told_findings",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("finding_id", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "finding_id", name=op.f("pk_told_findings")),
    )
