"""This version beside another: a start, its memory, and a question, run alternately in one go.

    git worktree add ../before REVISION
    python benchmarks/against.py ../before [--rounds N]

A start is the terminal chat with a saved edition and SQLite, from its beginning to the end of the first
answer: time by the clock, processor time, and the most memory that it had. A question is asked of an open
library, with the reader: processor time, of forty golden questions. Printed are the medians and the median of
the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
QUESTION = b"Who was the first person to die in the American Revolution?\n"
ASKING = """
import asyncio, sys, tempfile, time
from pathlib import Path
from linernotes.library import Library
from linernotes.measuring.cases import read_cases
from linernotes.reading.reader import OnnxReader
from linernotes.retrieval.embedding import open_embedder
from linernotes.settings import Settings

root = Path(sys.argv[1])
file = root / "tests" / "golden" / "run.jsonl"
cases = [case.question for article in read_cases(file.read_bytes(), file.name) for case in article.cases
         if case.kind in {"answerable", "near"}]
chosen = [cases[at * len(cases) // 45] for at in range(45)]

async def main():
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(corpus_dir=root / "corpus", data_dir=Path(folder))
        async with Library.open(settings, embedder=open_embedder(), reader=OnnxReader()) as library:
            for at, question in enumerate(chosen):
                if at == 5:
                    started = time.process_time()
                await library.ask(question)
            print((time.process_time() - started) / 40 * 1000)

asyncio.run(main())
"""


class Cost(NamedTuple):
    """Seconds by the clock and of the processor, the most memory in MiB, and milliseconds of a question."""

    seconds: float
    processor: float
    memory: float
    question: float


def environment(tree: Path, data: str) -> dict[str, str]:
    """Return the environment in which a tree's program runs."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(tree / "src"),
        "DATA_DIR": data,
        "DISCORD_TOKEN": "",
        "DATABASE_URL": "",
    }


def start(tree: Path, data: str) -> tuple[float, float, float]:
    """Start the terminal chat, ask, and leave."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "bot.py"],
        cwd=tree,
        env=environment(tree, data),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None  # noqa: S101  it was asked for
    process.stdin.write(QUESTION)
    process.stdin.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{tree} ended with {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def ask(tree: Path) -> float:
    """Return what a question costs, in milliseconds of processor time."""
    command = [sys.executable, "-c", ASKING, str(tree)]
    found = subprocess.run(
        command, env=environment(tree, ""), cwd=tree, check=True, capture_output=True, text=True
    )
    return float(found.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    trees = {"before": given.other.resolve(), "now": ROOT}
    with tempfile.TemporaryDirectory() as folder:
        data = {name: f"{folder}/{name}" for name in trees}
        for name, tree in trees.items():
            start(tree, data[name])  # makes the edition
        rounds = [
            {name: Cost(*start(tree, data[name]), ask(tree)) for name, tree in trees.items()}
            for _ in range(given.rounds)
        ]
    print("| | before | now | ratio |\n|---|---|---|---|")
    for at, what in enumerate(("start, s", "start, processor s", "start, MiB", "question, processor ms")):
        before, now = ([each[name][at] for each in rounds] for name in trees)
        ratio = statistics.median(one / other for one, other in zip(now, before, strict=True))
        print(f"| {what} | {statistics.median(before):.2f} | {statistics.median(now):.2f} | {ratio:.3f} |")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
