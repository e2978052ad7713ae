"""Format 1: servers' settings, what buttons under answers need, votes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from linernotes.library.tables import SECONDS, WHOLE

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "facts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "servers",
        sa.Column("guild", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("moderator_role", WHOLE),
    )
    op.create_table(
        "channels",
        sa.Column("guild", WHOLE, sa.ForeignKey("servers.guild", ondelete="CASCADE"), nullable=False),
        sa.Column("channel", WHOLE, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.CheckConstraint("rule IN ('allow', 'deny')"),
        sa.PrimaryKeyConstraint("guild", "channel"),
    )
    op.create_table(
        "blocked",
        sa.Column("guild", WHOLE, sa.ForeignKey("servers.guild", ondelete="CASCADE"), nullable=False),
        sa.Column("member", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("guild", "member"),
    )
    op.create_table(
        "answers",
        sa.Column("key", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("guild", WHOLE, nullable=False),
        sa.Column("channel", WHOLE, nullable=False),
        sa.Column("message", WHOLE),
        sa.Column("asker", WHOLE, nullable=False),
        sa.Column("edition", sa.Text, nullable=False),
        sa.Column("confidence", SECONDS, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
    )
    op.create_index("answers_by_message", "answers", ["message"])
    op.create_index("answers_by_asker", "answers", ["asker"])
    op.create_index("answers_by_time", "answers", ["at"])
    op.create_table(
        "feedback",
        sa.Column("answer", WHOLE, sa.ForeignKey("answers.key", ondelete="CASCADE"), nullable=False),
        sa.Column("person", WHOLE, nullable=False),
        sa.Column("vote", WHOLE, nullable=False),
        sa.CheckConstraint("vote IN (-1, 1)"),
        sa.PrimaryKeyConstraint("answer", "person"),
    )
    op.create_index("feedback_by_person", "feedback", ["person"])
