"""Format 2: each server's library, its audit trail, check questions and gaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from linernotes.library.tables import SECONDS, WHOLE

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of the libraries."""
    op.add_column("servers", sa.Column("gaps", WHOLE, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "revisions",
        sa.Column("guild", WHOLE, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("edition", sa.Text, nullable=False),
        sa.Column("own", sa.Text, nullable=False),
        sa.Column("hidden", sa.Text, nullable=False),
        sa.Column("follows", WHOLE, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("person", WHOLE),
        sa.PrimaryKeyConstraint("guild", "number"),
    )
    op.create_index("revisions_by_person", "revisions", ["person"])
    op.create_table(
        "audit",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("guild", WHOLE, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("person", WHOLE),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    op.create_index("audit_by_guild", "audit", ["guild", "at"])
    op.create_index("audit_by_person", "audit", ["person"])
    op.create_table(
        "checks",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("guild", WHOLE, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("person", WHOLE),
        sa.UniqueConstraint("guild", "question").ddl_if(dialect="sqlite"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("checks_by_guild", "checks", ["guild"])
    op.create_index("checks_by_person", "checks", ["person"])
    op.create_table(
        "gaps",
        sa.Column("number", WHOLE, primary_key=True),
        sa.Column("guild", WHOLE, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("told", WHOLE, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
    )
    op.create_index("gaps_by_guild", "gaps", ["guild", "at"])
    op.create_table(
        "departures",
        sa.Column("guild", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("at", SECONDS, nullable=False),
    )
