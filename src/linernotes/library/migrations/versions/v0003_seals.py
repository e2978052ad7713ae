"""Format 3: seals, what was released, the quarantine, and rows that were put aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from linernotes.library.rows import SEALED
from linernotes.library.tables import SECONDS, WHOLE

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make room for seals, and seal what an older version has written without."""
    for name in ("servers", "channels", "blocked", "revisions", "checks", "audit", "departures"):
        op.add_column(name, sa.Column("seal", sa.Text))
        if name in {"audit", "departures"}:
            op.add_column(name, sa.Column("due", SECONDS))
    op.create_table(
        "released",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest"),
    )
    op.create_table(
        "quarantined",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("due", SECONDS),
    )
    op.create_table(
        "set_aside",
        sa.Column("number", WHOLE, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("due", SECONDS),
    )
    for table in SEALED:
        table.seal_all(op.get_bind())
