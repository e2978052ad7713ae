"""The tables of the database, once, for SQLite and for PostgreSQL. Imported late: SQLAlchemy takes its time.

What a column may hold, and the seal of a row, is ``rows.py``'s to say; how an older database comes to have
these tables, that of ``migrations/``. A test holds the two against each other.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")
"""Sixty-four bits; SQLite's ``INTEGER PRIMARY KEY`` is the number of a row only under that very name."""

SECONDS: Final[Double[float]] = Double().with_variant(REAL(), "sqlite")
"""Seconds since 1970, or a share."""

metadata: Final = MetaData()


def _whole(name: str, *given: ForeignKey, key: bool = False, null: bool = False) -> Column[int]:
    """Return a column of whole numbers; as a key it is given, never counted by the database."""
    if key:
        return Column(name, WHOLE, *given, primary_key=True, autoincrement=False)
    return Column(name, WHOLE, *given, nullable=null)


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=True) if key else Column(name, Text, nullable=null)


def _seconds(name: str, *, null: bool = False) -> Column[float]:
    return Column(name, SECONDS, nullable=null)


Table("facts", metadata, _text("name", key=True), _text("value"))
Table(
    "servers",
    metadata,
    _whole("guild", key=True),
    _whole("moderator_role", null=True),
    Column("gaps", WHOLE, nullable=False, server_default=text("0")),
    _text("seal", null=True),
)
Table(
    "channels",
    metadata,
    _whole("guild", ForeignKey("servers.guild", ondelete="CASCADE"), key=True),
    _whole("channel", key=True),
    _text("rule"),
    _text("seal", null=True),
    CheckConstraint("rule IN ('allow', 'deny')"),
)
Table(
    "blocked",
    metadata,
    _whole("guild", ForeignKey("servers.guild", ondelete="CASCADE"), key=True),
    _whole("member", key=True),
    _text("seal", null=True),
)
Table(
    "answers",
    metadata,
    _whole("key", key=True),
    _whole("guild"),
    _whole("channel"),
    _whole("message", null=True),
    _whole("asker"),
    _text("edition"),
    _seconds("confidence"),
    _text("evidence"),
    _seconds("at"),
    Index("answers_by_message", "message"),
    Index("answers_by_asker", "asker"),
    Index("answers_by_time", "at"),
)
Table(
    "feedback",
    metadata,
    _whole("answer", ForeignKey("answers.key", ondelete="CASCADE"), key=True),
    _whole("person", key=True),
    _whole("vote"),
    CheckConstraint("vote IN (-1, 1)"),
    Index("feedback_by_person", "person"),
)
Table(
    "revisions",
    metadata,
    _whole("guild", key=True),
    _whole("number", key=True),
    _text("edition"),
    _text("own"),
    _text("hidden"),
    _whole("follows"),
    _text("what"),
    _seconds("at"),
    _whole("person", null=True),
    _text("seal", null=True),
    Index("revisions_by_person", "person"),
)
Table(
    "audit",
    metadata,
    _whole("number", key=True),
    _whole("guild"),
    _seconds("at"),
    _whole("person", null=True),
    _text("what"),
    _text("before", null=True),
    _text("after", null=True),
    _text("seal", null=True),
    _seconds("due", null=True),
    Index("audit_by_guild", "guild", "at"),
    Index("audit_by_person", "person"),
)
Table(
    "checks",
    metadata,
    _whole("number", key=True),
    _whole("guild"),
    _text("question"),
    _text("words"),
    _seconds("at"),
    _whole("person", null=True),
    _text("seal", null=True),
    # A long question does not fit into an index of PostgreSQL's; whoever writes one has looked for it first.
    UniqueConstraint("guild", "question").ddl_if(dialect="sqlite"),
    Index("checks_by_guild", "guild").ddl_if(dialect="postgresql"),
    Index("checks_by_person", "person"),
)
Table(
    "gaps",
    metadata,
    Column("number", WHOLE, primary_key=True),
    _whole("guild"),
    _text("question"),
    _whole("told"),
    _seconds("at"),
    Index("gaps_by_guild", "guild", "at"),
)
Table(
    "departures",
    metadata,
    _whole("guild", key=True),
    _seconds("at"),
    _text("seal", null=True),
    _seconds("due", null=True),
)
Table("released", metadata, _text("kind", key=True), _text("digest", key=True))
Table("quarantined", metadata, _text("name", key=True), _seconds("at"), _seconds("due", null=True))
Table(
    "set_aside",
    metadata,
    Column("number", WHOLE, primary_key=True),
    _text("source"),
    _text("content"),
    _seconds("at"),
    _seconds("due", null=True),
)
Table(
    "questions",
    metadata,
    _whole("message", key=True),
    _whole("guild"),
    _whole("channel"),
    _seconds("at"),
    _whole("open"),
)

of_server: Final = MetaData()
"""What a server has beside these: files, which SQLite's file has beside it in ``DATA_DIR``."""

files: Final = Table(
    "files",
    of_server,
    _text("kind", key=True),
    _text("name", key=True),
    _text("path", key=True),
    _whole("size"),
    _text("digest"),
    Index("files_by_digest", "digest"),
)
blobs: Final = Table(
    "blobs",
    of_server,
    _text("digest", key=True),
    _whole("number", key=True),
    Column("content", LargeBinary, nullable=False),
)
