"""Which groups an asset is in, without a look at the table: databases without statistics read all groups for that."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f("ix_group_members_owner_id_asset_id"), "group_members")
    op.create_index(
        op.f("ix_group_members_owner_id_asset_id_group_id"), "group_members", ["owner_id", "asset_id", "group_id"]
    )
