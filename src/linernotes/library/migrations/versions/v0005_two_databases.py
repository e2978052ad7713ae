"""Format 5: one text of tables for SQLite and PostgreSQL, which keeps files as well.

In SQLite, nothing but the number changes.

Tables that this version makes anew are written another way, which the version before would take for damage:
the number tells it that they are newer.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from linernotes.library.tables import WHOLE

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables of files where a server keeps them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.create_table(
        "files",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "path"),
    )
    op.create_index("files_by_digest", "files", ["digest"])
    op.create_table(
        "blobs",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("digest", "number"),
    )
