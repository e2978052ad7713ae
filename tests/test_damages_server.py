"""The damages of ``test_damages.py`` where a PostgreSQL server keeps rows and files."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from amounts import LONG
from test_damages import damage_again_and_again, folder  # noqa: F401  a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def copy_database(postgresql: str) -> Callable[[str], str]:
    """Copy a database on the server to which nobody is connected; the copy before goes."""
    numbers = itertools.count()
    before = ""

    def copy(url: str) -> str:
        nonlocal before
        name = conninfo_to_dict(url)["dbname"]
        made = f"{name}_{next(numbers)}"
        with psycopg.connect(postgresql, autocommit=True) as db:
            if before:
                db.execute(f"DROP DATABASE {before} WITH (FORCE)")  # type: ignore[arg-type]
            db.execute(f"CREATE DATABASE {made} TEMPLATE {name}")  # type: ignore[arg-type]
        before = made
        return url.replace(f"/{name}", f"/{made}")

    return copy


@pytest.mark.slow
def test_on_a_server_after_many_random_damages_nobody_gets_a_wrong_answer_and_nothing_is_lost(
    folder: Path,  # noqa: F811  the fixture
    caplog: pytest.LogCaptureFixture,
    make_database: Callable[[], str],
    copy_database: Callable[[str], str],
) -> None:
    (folder / "url").write_text(make_database())
    damages = 600 if LONG else 60
    figures = damage_again_and_again(folder, damages, 1911, caplog, copy_database)
    # What the disk loses is taken from the server, and of a row another is to be had.
    assert figures["served"] == figures["damages"] == damages
