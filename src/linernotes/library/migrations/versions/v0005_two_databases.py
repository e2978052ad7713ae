"""Format 5: one text of tables for SQLite and PostgreSQL; in SQLite, nothing but the number changes.

Tables that this version makes anew are written another way, which the version before would take for damage:
the number tells it that they are newer.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Change nothing."""
