"""What the timeline needs: assets in the order of time, and those of partners.

Nothing is known of partners' assets before the next full scan, which reads everything anyway.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_assets_owner_id_taken_local_ms_asset_id"), "assets", ["owner_id", "taken_local_ms", "asset_id"]
    )
    op.create_table(
        "partners",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "partner_id", name=op.f("pk_partners")),
    )
    op.create_table(
        "partner_assets",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("partner_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("taken_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("taken_local_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("scan_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_partner_assets")),
    )
    op.create_index(
        op.f("ix_partner_assets_owner_id_taken_local_ms_asset_id"),
        "partner_assets",
        ["owner_id", "taken_local_ms", "asset_id"],
    )
