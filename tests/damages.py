"""Damages to rows and files, and what of a PostgreSQL server's can be damaged; for ``test_damages.py``."""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

TABLES = (
    "revisions",
    "audit",
    "checks",
    "servers",
    "channels",
    "blocked",
    "gaps",
    "answers",
    "feedback",
    "departures",
    "facts",
)


@dataclass
class Damage:
    """What was done, and what the damaged thing itself said, which nobody can know any more."""

    kind: str
    target: str
    guilds: frozenset[int] = frozenset()
    digest: str = ""


class Explodes:
    """A pickle that would be noticed."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os._exit, (99,)


def flip(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return b"\x01"
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def spoil(value: Any, kind: str, chance: random.Random) -> Any:
    if kind == "pickle":
        return pickle.dumps(Explodes())
    if kind == "emptied":
        return chance.choice([None, "", 0])
    is_cut = kind == "truncated"
    if isinstance(value, str):
        return value[: len(value) // 2] if is_cut else flip(value.encode(), chance)
    if isinstance(value, int):
        return value >> 8 if is_cut else value ^ 1 << chance.randrange(62)
    if isinstance(value, float):
        return float(int(value) >> 8) if is_cut else value * 2.0 ** chance.randint(-40, 40)
    return "x"


def damage_row_on_server(url: str, kind: str, chance: random.Random) -> Damage:
    """Damage a row of a server's database; what its columns do not take, it keeps out itself."""
    with psycopg.connect(url, autocommit=True) as db:
        # As a disk that fails, and not as somebody who writes: no rule between tables holds.
        db.execute("SET session_replication_role = replica")
        while True:
            table = chance.choice([*TABLES, "revisions", "checks", "audit"])
            which = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            columns = sorted(name for (name,) in db.execute(which, (table,)))
            rows = db.execute(f"SELECT ctid::text, {', '.join(columns)} FROM {table} ORDER BY 1").fetchall()  # noqa: S608
            if not rows:
                continue
            place, *row = chance.choice(rows)
            guild = row[columns.index("guild")] if "guild" in columns else 0
            damage = Damage(kind, f"{table} {place}", guilds=frozenset({guild}))
            try:
                if kind == "deleted":
                    db.execute(f"DELETE FROM {table} WHERE ctid = %s::tid", (place,))  # noqa: S608
                    return damage
                column = chance.choice(columns)
                value = row[columns.index(column)]
                damage.target += f" {column}"
                new = [(place, spoil(value, kind, chance))]
                if kind == "swapped":
                    other, *that = chance.choice(rows)
                    if "guild" in columns:
                        damage.guilds |= {that[columns.index("guild")]}
                    new = [(place, that[columns.index(column)]), (other, value)]
                with db.transaction():
                    for at, spoilt in new:
                        written = spoilt
                        if isinstance(spoilt, bytes):
                            # It holds text alone: of a pickle, the oldest kind.
                            written = (pickle.dumps(Explodes(), 0) if kind == "pickle" else spoilt).decode()
                        db.execute(f"UPDATE {table} SET {column} = %s WHERE ctid = %s::tid", (written, at))  # noqa: S608
            except (psycopg.Error, UnicodeDecodeError):
                # It cannot stand there; another can.
                continue
            return damage


def held_on_server(url: str) -> set[str]:
    """Return the digests of what a server keeps of files, if it is whole."""
    with psycopg.connect(url) as db:
        pieces = db.execute("SELECT digest, content FROM blobs WHERE number = 0").fetchall()
    return {digest for digest, content in pieces if hashlib.sha256(content).hexdigest() == digest}
