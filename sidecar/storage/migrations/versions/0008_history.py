"""What was done, the latest first, without a look at all of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_undo = sa.text("kind = 'undo'")
    op.create_index(
        op.f("ix_actions_owner_id_intended_at_ms_action_id"), "actions", ["owner_id", "intended_at_ms", "action_id"]
    )
    op.create_index("ix_actions_undo", "actions", ["owner_id", "state"], sqlite_where=is_undo, postgresql_where=is_undo)
    op.create_index(
        op.f("ix_resolutions_owner_id_decided_at_ms_resolution_id"),
        "resolutions",
        ["owner_id", "decided_at_ms", "resolution_id"],
    )
