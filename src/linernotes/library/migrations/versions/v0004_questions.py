"""Format 4: which questions are open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from linernotes.library.tables import SECONDS, WHOLE

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of questions."""
    op.create_table(
        "questions",
        sa.Column("message", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("guild", WHOLE, nullable=False),
        sa.Column("channel", WHOLE, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("open", WHOLE, nullable=False),
    )
