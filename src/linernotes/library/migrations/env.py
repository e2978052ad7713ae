"""Read by Alembic before it runs a script: on which connection, and from which format on."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
since: str | None = context.config.attributes["since"]
# SQLite's file says in its head which format it has. Alembic's own table is there for this transaction alone.
of_file = connection.dialect.name == "sqlite"
context.configure(connection=connection)
if of_file and since is not None:
    connection.execute(text("CREATE TABLE alembic_version (version_num TEXT NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:since)"), {"since": since})
context.run_migrations()
if of_file:
    connection.execute(text("DROP TABLE alembic_version"))
