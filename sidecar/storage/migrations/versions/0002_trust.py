"""Decisions with their source and mirrored to Immich, preferences, undo, repair, and findings that have a name."""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "memos",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("asset_id", sa.String(length=36), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("holds_revoked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", "asset_id", name=op.f("pk_memos")),
    )
    with op.batch_alter_table("memos", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_memos_owner_id_not_before_ms"), ["owner_id", "not_before_ms"], unique=False
        )

    op.create_table(
        "preferences",
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_preferences")),
    )
    with op.batch_alter_table("actions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("after", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("undoes", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("origin", sa.String(length=8), server_default="rules", nullable=False))

    with op.batch_alter_table("assets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("auto_stack_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("content", sa.String(length=8), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_assets_owner_id_auto_stack_id"),
            ["owner_id", "auto_stack_id"],
            unique=False,
            sqlite_where=sa.text("auto_stack_id IS NOT NULL"),
            postgresql_where=sa.text("auto_stack_id IS NOT NULL"),
        )

    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.String(length=16), server_default="unstacked", nullable=False))
        batch_op.add_column(sa.Column("identity", sa.String(length=32), nullable=True))
        batch_op.create_index(batch_op.f("ix_decisions_owner_id_identity"), ["owner_id", "identity"], unique=False)
        batch_op.add_column(sa.Column("is_chosen", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("finding_id", sa.String(length=12), server_default="", nullable=False))
        batch_op.add_column(sa.Column("subject", sa.String(length=16), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_findings_owner_id_finding_id"), ["owner_id", "finding_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_findings_owner_id_kind"), ["owner_id", "kind"], unique=False)

    _tell_immich_of_former_decisions()

    # Derived, and told in another form now: the next look at the library finds them again.
    op.execute("DELETE FROM findings")


def _tell_immich_of_former_decisions() -> None:
    """What was decided so far is known by what it is about, and is still to be written beside the assets in Immich."""
    connection = op.get_bind()
    known = connection.execute(
        sa.text(
            "SELECT DISTINCT assets.owner_id, assets.asset_id, name, taken_local_ms, size_bytes FROM assets "
            "JOIN decisions ON decisions.owner_id = assets.owner_id AND decisions.asset_id = assets.asset_id"
        )
    ).all()
    identify = sa.text("UPDATE decisions SET identity = :identity WHERE owner_id = :owner_id AND asset_id = :asset_id")
    for owner_id, asset_id, name, taken_local_ms, size_bytes in known:
        told = f"{name.casefold()} {taken_local_ms} {size_bytes}".encode(errors="surrogatepass")
        identity = sha256(told).hexdigest()[:32]
        connection.execute(identify, {"identity": identity, "owner_id": owner_id, "asset_id": asset_id})
    connection.execute(
        sa.text(
            "INSERT INTO memos (owner_id, asset_id, generation, attempts, not_before_ms) "
            "SELECT DISTINCT owner_id, asset_id, 1, 0, 0 FROM decisions"
        )
    )
