"""How much there is of each kind of duplicates is counted in an index."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("duplicate_sets") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_duplicate_sets_owner_id_kind_member_count_savings_bytes"),
            ["owner_id", "kind", "member_count", "savings_bytes"],
            unique=False,
        )
