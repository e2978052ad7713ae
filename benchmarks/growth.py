"""What grows with the corpus, and with the servers that have libraries of their own: a table and a plot.

Corpora of 100 to 100,000 sentences (``grown.py``): processor time of a question, memory, disk, building.
Servers with an article of their own each, 10 to 10,000, of which 100 are asked, below ``MEMORY_MB``: memory,
taking up a library that was let go, from the start to the first answer. Each figure comes from a process of
its own; those of a round follow each other, so that what else the machine does falls on all alike.

The model embeds the first 10,000 sentences. The rest, and the servers' articles, have vectors that are
composed of the model's own (``grown.Composing``): the time to embed them is reckoned from the model's.

    python benchmarks/growth.py [--work DIR] [--rounds N] [--server-rounds N]
                                [--corpora N ...] [--servers N ...]

What is embedded in ``--work`` stays, with its time; all else is made anew by the first round.

Writes ``growth.md``, ``growth.json`` and, where matplotlib is installed (``pip install --group peers``),
``growth.png`` to ``benchmarks/results/``.
"""

from __future__ import annotations

import os

# Before anything loads: BLAS reads it once.
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import asyncio
import functools
import gc
import json
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grown import SEED, Composing, Listening, article, articles, originals
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library import Library
from linernotes.library.catalogue import Revision, Upload
from linernotes.library.editions import EditionStore
from linernotes.library.embedded import EmbeddedDatabase
from linernotes.measuring.cases import read_cases
from linernotes.reading.reader import OnnxReader
from linernotes.retrieval.embedding import open_embedder
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from linernotes.engine import Indexes, Segments
    from linernotes.models import Document, PreparedSegment
    from linernotes.retrieval.index import Index


ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
CORPORA = (100, 1_000, 10_000, 100_000)
SERVERS = (10, 100, 1_000, 10_000)
EMBEDDED = 10_000
QUESTIONS = 40
WARM = 5
ACTIVE = 100
VISITED = 200
MEMORY_MB = 64
ARTICLE_CHARS = 2_900


class NoIndexes:
    """Makes no index: segments alone are wanted."""

    settings = "none"

    def build(self, _parts: object) -> str:
        """Return nothing much."""
        return ""

    def save(self, _index: str, folder: Path) -> None:
        """Write nothing much."""
        (folder / "nothing").write_text("")

    def load(self, _folder: Path, _parts: object) -> str:
        """Return nothing much."""
        return ""


# --- Corpora ----------------------------------------------------------------------------------------------


def make_corpora(work: Path, sizes: Iterable[int]) -> None:
    """Write the corpora, and embed their documents; what is there stays."""
    store = work / "store"
    log = store / "embedded.json"
    told = json.loads(log.read_text()) if log.exists() else {}
    model = Listening(open_embedder())
    makers = [Engine(model)]
    editions = EditionStore(store, makers[0].segments, NoIndexes())
    wanted = max(sizes)
    sentences = 0
    while sentences < wanted:
        for name, text in articles():
            document = read_document(text.encode(), name)[0]
            if name not in told:
                if sentences >= EMBEDDED and len(makers) == 1:
                    if not model.heard:
                        raise SystemExit(f"{work} was made in part; remove it")
                    makers.append(Engine(Composing(model)))
                    editions = EditionStore(store, makers[1].segments, NoIndexes())
                started = time.process_time()
                edition = editions.open_edition([document])
                seconds = time.process_time() - started
                told[name] = {
                    "sentences": len(edition.sentences),
                    "passages": len(edition.passages),
                    "seconds": seconds,
                    "by": "the model" if len(makers) == 1 else "composed",
                }
                (store / "articles").mkdir(exist_ok=True)
                (store / "articles" / name).write_text(text, encoding="utf-8")
                if len(told) % 100 == 0:
                    print(f"{sentences} sentences", file=sys.stderr, flush=True)
            sentences += told[name]["sentences"]
            if sentences >= wanted:
                break
    log.write_text(json.dumps(told))
    for size in sizes:
        _cut(work, told, size)


def _cut(work: Path, told: dict[str, Any], size: int) -> None:
    """Make a corpus of so many sentences, and a data folder with its segments."""
    corpus, data = work / f"corpus-{size}", work / f"data-{size}"
    for folder in (corpus, data):
        shutil.rmtree(folder, ignore_errors=True)
    corpus.mkdir()
    shutil.copytree(work / "store" / "segments", data / "segments", copy_function=os.link)
    sentences = 0
    for name, facts in told.items():
        if sentences >= size:
            break
        shutil.copy(work / "store" / "articles" / name, corpus / name)
        sentences += facts["sentences"]


# --- One process ------------------------------------------------------------------------------------------


def private() -> int:
    """Return how much memory this process has to itself, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon: this needs Linux")


def size_of(folder: Path) -> int:
    """Return how large the files below a folder are, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def questions() -> list[str]:
    """Return golden questions on the first article, those that warm up first."""
    file = ROOT / "tests" / "golden" / "run.jsonl"
    cases = [
        case.question
        for article in read_cases(file.read_bytes(), file.name)
        for case in article.cases
        if case.kind in {"answerable", "near"}
    ]
    wanted = QUESTIONS + WARM
    return [cases[at * len(cases) // wanted] for at in range(wanted)]


def settings_of(corpus: Path, data: Path, memory_mb: int) -> Settings:
    """Return settings without the bounds on a corpus."""
    return Settings(
        corpus_dir=corpus,
        data_dir=data,
        memory_mb=memory_mb,
        max_corpus_bytes=10**9,
        max_file_bytes=10**8,
    )


async def ask(library: Library, asked: Iterable[str], guild: int | None = None) -> list[float]:
    """Return the milliseconds of processor time that each question takes."""
    found: list[float] = []
    for question in asked:
        started = time.process_time()
        await library.ask(question, guild=guild)
        found.append((time.process_time() - started) * 1_000)
    return found


async def measure_corpus(work: Path, size: int) -> dict[str, float]:
    """Measure one corpus."""
    embedder, reader = open_embedder(), OnnxReader()
    embedder.embed(["A question?"])
    before = private()
    settings = settings_of(work / f"corpus-{size}", work / f"data-{size}", 0)
    started, ran = time.perf_counter(), time.process_time()
    async with Library.open(settings, embedder=embedder, reader=reader) as library:
        opened, opened_cpu = time.perf_counter() - started, time.process_time() - ran
        gc.collect()
        held = private() - before
        await ask(library, questions()[:WARM])
        passed = [0.0] * QUESTIONS
        for at, question in enumerate(questions()[WARM:]):
            ran = time.process_time()
            embedder.embed([question])
            passed[at] = (time.process_time() - ran) * 1_000
        costs = await ask(library, questions()[WARM:])
        edition = await library.edition()
        return {
            "sentences": len(edition.sentences),
            "passages": len(edition.passages),
            "documents": len(edition.documents),
            "open_seconds": opened,
            "open_cpu_seconds": opened_cpu,
            "memory": held,
            "disk": size_of(settings.data_dir),
            "text": size_of(settings.corpus_dir),
            "question_ms": statistics.fmean(costs),
            "median_ms": statistics.median(costs),
            "pass_ms": statistics.fmean(passed),
        }


async def measure_servers(work: Path, count: int, began: float) -> dict[str, float]:
    """Measure as many servers as there are, of which some are asked; ``began`` is when the process did."""
    chance = random.Random(SEED)  # noqa: S311  which servers are asked is no secret
    order = chance.sample(range(1, count + 1), count)
    active, others = order[:ACTIVE], order[ACTIVE : ACTIVE + VISITED]
    embedder, reader = open_embedder(), OnnxReader()
    embedder.embed(["A question?"])
    before = private()
    settings = settings_of(work / "corpus-100", work / "data-servers", MEMORY_MB)
    started = time.perf_counter()
    async with Library.open(settings, embedder=embedder, reader=reader) as library:
        opened = time.perf_counter() - started
        await library.ask(questions()[0], guild=active[-1])
        first = time.time() - began
        at_start = private() - before
        costs: list[float] = []
        for number, question in enumerate(questions()):
            for guild in active[number % 2 :: 2]:
                if number < 2 or guild % 10 == number % 10:  # noqa: PLR2004  each twice, then some
                    costs += await ask(library, [question], guild)
        gc.collect()
        busy = private() - before
        taken: list[float] = []
        ran: list[float] = []
        standings = library.curator.standings
        for guild in others or active:
            if standings.of(guild).held is not None and count > ACTIVE:
                continue
            started, used = time.perf_counter(), time.process_time()
            await library.edition(guild)
            taken.append((time.perf_counter() - started) * 1_000)
            ran.append((time.process_time() - used) * 1_000)
        gc.collect()
        return {
            "servers": len(standings.guilds),
            "held": standings.held,
            "counted": standings._room.taken,  # noqa: SLF001  beside what the system says
            "open_seconds": opened,
            "first_answer_seconds": first,
            "memory_at_start": at_start,
            "memory": busy,
            "memory_after": private() - before,
            "question_ms": statistics.fmean(costs),
            "taken_up": len(taken) if others else 0,
            "take_up_ms": statistics.median(taken) if others else 0.0,
            "take_up_worst_ms": max(taken) if others else 0.0,
            "take_up_cpu_ms": statistics.median(ran) if others else 0.0,
            "disk": size_of(settings.data_dir),
        }


# --- Servers ----------------------------------------------------------------------------------------------


MARK = "Zaaaaaaa"


class Copies:
    """Makes segments of texts that differ in one name of the same length alone, out of the first one's."""

    def __init__(self, maker: Segments) -> None:
        """Take what makes the first."""
        self._maker = maker
        self.settings = maker.settings
        self._made: dict[int, tuple[str, PreparedSegment]] = {}

    def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
        """Make a segment."""
        if len(document.text) not in self._made:
            self._made[len(document.text)] = (document.text, self._maker.make(document, progress))
        _, made = self._made[len(document.text)]

        def moved(pieces: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(replace(each, text=document.text[each.start : each.end]) for each in pieces)

        return replace(made, passages=moved(made.passages), sentences=moved(made.sentences))


class IndexCopies:
    """Makes the index of the first edition, and gives all others that one, in files of their own.

    So the vocabulary of each has the first one's name in the place of its own: another word of that length.
    """

    def __init__(self, maker: Indexes) -> None:
        """Take what makes the first."""
        self._maker = maker
        self.settings = maker.settings
        self._made: Index | None = None
        self._files: dict[str, bytes] = {}

    def build(self, parts: Sequence[PreparedSegment]) -> Index:
        """Return the index."""
        if self._made is None:
            self._made = self._maker.build(parts)
        return self._made

    def save(self, index: Index, folder: Path) -> None:
        """Write its files."""
        if not self._files:
            self._maker.save(index, folder)
            files = (path for path in folder.rglob("*") if path.is_file())
            self._files = {str(path.relative_to(folder)): path.read_bytes() for path in files}
        for name, data in self._files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    def load(self, folder: Path, parts: Sequence[PreparedSegment]) -> Index:
        """Read an index."""
        return self._maker.load(folder, parts)


@functools.cache
def heard() -> Listening:
    """Return the model, after it has embedded some articles."""
    model = Listening(open_embedder())
    for _, text in islice(articles(), 12):
        Engine(model).segments.make(read_document(text.encode(), "a.md")[0], lambda _done, _of: None)
    return model


async def make_servers(work: Path, first: int, last: int) -> None:
    """Give servers an article of their own each, of the size of the article in ``corpus/``.

    They differ in a name, so that each is kept by itself; and are written as a change would write them, with
    what is made of the first one's text and index. Nothing is flushed to the disk meanwhile, which takes ten
    times as long: what is lost is made again.
    """
    _, *others = originals()
    model = heard()
    settings = settings_of(work / "corpus-100", work / "data-servers", 64)
    base_text = f"{article(others, 100_000, ARTICLE_CHARS)}\n\nThe keeper of this was called {MARK} by all.\n"
    with unflushed():
        await _make_servers(settings, base_text, Composing(model), first, last)


@contextmanager
def unflushed() -> Iterator[None]:
    """Wait for no disk as long as the context lasts."""
    fsync, transact = os.fsync, EmbeddedDatabase.transact

    def transact_at_once(database: EmbeddedDatabase, work: Callable[..., Any], *, lasting: bool) -> Any:
        del lasting
        return transact(database, work, lasting=False)

    os.fsync = lambda _: None
    EmbeddedDatabase.transact = transact_at_once  # type: ignore[method-assign]
    try:
        yield
    finally:
        os.fsync, EmbeddedDatabase.transact = fsync, transact  # type: ignore[method-assign]


async def _make_servers(settings: Settings, base_text: str, model: Composing, first: int, last: int) -> None:
    async with Library.open(settings, embedder=model) as library:
        curator = library.curator
        store = curator._editions  # noqa: SLF001  a change for each of ten thousand would take hours
        shared = (await library.edition()).documents
        store._segments = Copies(store._segments)  # noqa: SLF001
        store._indexes = IndexCopies(library._engine.indexes)  # noqa: SLF001
        for guild in range(first, last + 1):
            name = "Z" + "".join(chr(97 + guild // 26**at % 26) for at in range(len(MARK) - 1))
            data = base_text.replace(MARK, name).encode()
            own = read_document(data, "own.md")[0]
            edition = await asyncio.to_thread(store.open_edition, [*shared, own])
            digest = await asyncio.to_thread(curator._uploads.save, data)  # noqa: SLF001
            upload = {"own.md": Upload(digest, len(data), time.time())}
            before = curator.standings.base(guild)
            revision = Revision(guild, 2, edition.id, "added own.md", time.time(), 1, upload, frozenset())
            await curator.catalogue.commit(revision, before=before)
            if guild % 500 == 0:
                print(f"{guild} servers", file=sys.stderr, flush=True)


# --- All --------------------------------------------------------------------------------------------------


def alone(work: Path, kind: str, size: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--work", str(work), "--one", kind, str(size), str(time.time())]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(found.stdout.splitlines()[-1]))


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure; of building, the first, and of a start the others, which find it."""
    found = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    if "open_cpu_seconds" in found:
        found["build_cpu_seconds"] = rounds[0]["open_cpu_seconds"]
        for name in ("open_seconds", "open_cpu_seconds", "memory"):
            found[name] = statistics.median(each[name] for each in rounds[1:] or rounds)
    return found


def columns(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    every = [titles, ["---:"] * len(titles), *rows]
    return ["| " + " | ".join(row) + " |" for row in every]


def mebibytes(value: float) -> str:
    """Return bytes in MiB."""
    return f"{value / 2**20:,.1f}" if value < 10 * 2**20 else f"{value / 2**20:,.0f}"


def table(found: dict[str, Any]) -> str:
    """Return what was measured as Markdown."""
    embedded, corpora = found["embedded"], found["corpora"]
    each_second = embedded["seconds"] / embedded["sentences"]
    lines = [
        "# What grows",
        "",
        f"`python benchmarks/growth.py`, {found['when']}, {found['machine']}.",
        f"Medians of {found['rounds']} rounds; of the servers', {found['server_rounds']}.",
        "Processor time, one thread; memory is what the process has to itself, less what it had with the",
        f"models. The model embedded the first {embedded['sentences']:,} sentences in",
        f"{embedded['seconds']:.0f} s. Beyond, and for the servers' articles, vectors are",
        "composed of the model's own: the time to embed them is reckoned (*), and what is answered there",
        "says nothing of quality. Questions are asked with the reader.",
        "",
    ]
    titles = (
        "sentences", "articles", "passages", "a question, ms", "of the smallest's", "its encoder pass, ms",
        "memory, MiB", "disk, MiB", "text, MiB", "embedding, s", "index built, s", "start, s",
    )  # fmt: skip
    lines += columns(
        titles,
        [
            (
                f"{row['sentences']:,.0f}",
                f"{row['documents']:,.0f}",
                f"{row['passages']:,.0f}",
                f"{row['question_ms']:.1f}",
                f"{row['question_ms'] / corpora[0]['question_ms']:.2f}",
                f"{row['pass_ms']:.1f}",
                *(mebibytes(row[name]) for name in ("memory", "disk", "text")),
                f"{row['sentences'] * each_second:,.0f}"
                + ("*" if row["sentences"] > 1.05 * embedded["sentences"] else ""),
                f"{row['build_cpu_seconds']:.1f}",
                f"{row['open_cpu_seconds']:.1f}",
            )
            for row in corpora
        ],
    )
    lines += [
        "",
        "Servers with an article of their own each, some 26 sentences, below",
        f"`MEMORY_MB={MEMORY_MB}`. {ACTIVE} of them are asked, then up to {VISITED} others taken up.",
        "Seconds by the clock, beside what else ran there.",
        "",
    ]
    titles = (
        "servers", "held at the end", "memory at the start, MiB", "the active asked, MiB",
        "the others too, MiB", "counted, MiB", "taking up, ms (processor)", "ms (clock, median)", "worst",
        "start to first answer, s", "of it opening, s", "disk, MiB",
    )  # fmt: skip
    lines += columns(
        titles,
        [
            (
                f"{row['servers']:,.0f}",
                f"{row['held']:.0f}",
                *(mebibytes(row[name]) for name in ("memory_at_start", "memory", "memory_after", "counted")),
                *(
                    f"{row[name]:.0f}" if row["taken_up"] else "-"
                    for name in ("take_up_cpu_ms", "take_up_ms", "take_up_worst_ms")
                ),
                f"{row['first_answer_seconds']:.1f}",
                f"{row['open_seconds']:.1f}",
                mebibytes(row["disk"]),
            )
            for row in found["servers"]
        ],
    )
    return "\n".join(lines) + "\n"


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw what was measured, where matplotlib is installed."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        print("no plot: pip install --group peers brings matplotlib", file=sys.stderr)
        return
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    sizes = [row["sentences"] for row in found["corpora"]]
    axes[0].plot(sizes, [row["question_ms"] for row in found["corpora"]], marker="o")
    axes[0].set(xlabel="sentences", ylabel="a question, ms of the processor", xscale="log", ylim=(0, None))
    for name in ("memory", "disk"):
        values = [row[name] / 2**20 for row in found["corpora"]]
        axes[1].plot(sizes, values, marker="o", label=name)
    axes[1].set(xlabel="sentences", ylabel="MiB", xscale="log", yscale="log")
    axes[1].legend()
    servers = [row["servers"] for row in found["servers"]]
    axes[2].plot(
        servers, [row["memory_after"] / 2**20 for row in found["servers"]], marker="o", label="memory"
    )
    axes[2].axhline(MEMORY_MB, linestyle="--", color="grey", label="MEMORY_MB")
    axes[2].set(xlabel="servers with an article of their own", ylabel="MiB", xscale="log", ylim=(0, None))
    axes[2].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server-rounds", type=int)
    parser.add_argument("--corpora", type=int, nargs="*", default=CORPORA)
    parser.add_argument("--servers", type=int, nargs="*", default=SERVERS)
    parser.add_argument("--one", nargs=3)
    given = parser.parse_args()
    if given.one is not None:
        kind, size, began = given.one
        measure = (
            measure_corpus(given.work, int(size))
            if kind == "corpus"
            else measure_servers(given.work, int(size), float(began))
        )
        print(json.dumps(asyncio.run(measure)))
        return
    work = given.work or Path(tempfile.mkdtemp())
    work.mkdir(exist_ok=True)
    make_corpora(work, given.corpora)
    told = json.loads((work / "store" / "embedded.json").read_text())
    by_model = [each for each in told.values() if each["by"] == "the model"]
    rounds = [[alone(work, "corpus", size) for size in given.corpora] for _ in range(given.rounds)]
    server_rounds = given.server_rounds or given.rounds
    servers, made = [], 0
    for count in sorted(given.servers):
        asyncio.run(make_servers(work, made + 1, count))
        made = count
        servers.append(medians([alone(work, "servers", count) for _ in range(server_rounds)]))
    found = {
        "when": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "rounds": given.rounds,
        "server_rounds": server_rounds,
        "embedded": {name: sum(each[name] for each in by_model) for name in ("sentences", "seconds")},
        "corpora": [medians(list(each)) for each in zip(*rounds, strict=True)],
        "servers": servers,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "growth.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "growth.md").write_text(table(found), encoding="utf-8")
    draw(found, RESULTS / "growth.png")
    print(table(found))


if __name__ == "__main__":
    main()
