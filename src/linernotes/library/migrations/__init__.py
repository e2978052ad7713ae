"""How an older database is brought up to date, by Alembic; imported only where that is due.

``versions/`` has a script for each format; one that was released never changes. A new database is made at
once with today's tables (``tables.py``). Which format a database has stands where it always stood: in the
head of SQLite's file (``user_version``), and in Alembic's own table in PostgreSQL.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy import Connection


def upgrade(connection: Connection, since: int, to: int) -> None:
    """Bring a database from one format to another, in the transaction that has begun.

    Args:
        connection: the database; nothing is committed.
        since: the format that it has; 0 is an empty one.
        to: the format that it is to have.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: a script fails; the transaction is to be rolled back.
    """
    config = Config()
    # Where an operator's path has a %, it is one.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["since"] = f"{since:04}" if since else None
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config, f"{to:04}")
