"""Sets up ``.venv``: what running needs, or the preview, or developing; needs nothing but Python itself.

``make`` calls it before whatever needs the environment, so it is quick where nothing is to be done. An
environment that is half made, was moved, or whose Python has gone or changed is made anew; one that an older
lock file made is brought up to date. What an environment was made of stands in its ``.installed``.

::

    python3 tools/set_up.py run|preview|dev [--venv DIR] [--torch-index URL]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
TORCH = "torch==2.13.0"
# What each kind is installed from. A later kind holds all that the ones before it hold.
LOCKS = {
    "run": "requirements.lock",
    "preview": "requirements-preview.lock",
    "dev": "requirements-dev.lock",
}
KINDS = tuple(LOCKS)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# Whoever has no way to that index waits so long before pip is asked instead.
ANSWERS_WITHIN = 4.0
STAMP = ".installed"
SIZES = {"run": "some 300 MB", "preview": "some 310 MB", "dev": "some 450 MB"}
_SHOWN_EVERY = 5.0


class SetUpError(Exception):
    """It cannot be set up; the sentence says why and what to do."""


class Environment:
    """A virtual environment in a folder, and what it was made of."""

    def __init__(self, folder, *, root=ROOT, call=subprocess.run, say=None):
        """Look after this folder; ``call`` runs programs as ``subprocess.run`` does."""
        self.folder = Path(folder)
        self.root = Path(root)
        self._call = call
        self._say = say or (lambda sentence: print(sentence, file=sys.stderr, flush=True))
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = self.folder / scripts / ("python.exe" if os.name == "nt" else "python")

    def prepare(self, kind, torch_index):
        """Make it fit for ``kind``; return whether anything was done."""
        why = self._broken()
        if why:
            if self.folder.exists():
                self._say("%s %s; it is made anew." % (self.folder, why))
                self._remove()
        elif self._fits(kind, torch_index):
            return False
        self._make(kind, torch_index)
        return True

    # --- What is there ---

    def _stamp(self):
        """Return what it was made of, or ``None`` where that is not known."""
        try:
            stamp = json.loads((self.folder / STAMP).read_text(encoding="utf-8") or "{}")
        except (OSError, ValueError):
            return None
        return stamp if isinstance(stamp, dict) else None

    def _broken(self):  # noqa: PLR0911  a table of what can be wrong
        """Return why it has to be made anew, or nothing."""
        if not self.folder.exists():
            return "is not there"
        stamp = self._stamp()
        if stamp is None:
            return "is half made"
        if not os.access(self.python, os.X_OK):
            return "has lost its Python"
        place = stamp.get("place")
        if place is not None and place != str(self.folder.resolve()):
            return "was made in another folder (%s)" % place
        found = self._version(self.python)
        if found is None:
            return "has a Python that does not start"
        if stamp.get("python") not in (None, found):
            return "was made with Python %s, and there is %s now" % (stamp["python"], found)
        return ""

    def _version(self, python):
        """Return the version of a Python as text, or ``None`` where it does not start."""
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        try:
            done = self._call([str(python), "-c", code], capture_output=True, text=True, check=False)
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def _fits(self, kind, torch_index):
        stamp = self._stamp() or {}
        had = stamp.get("kind")
        if had not in KINDS or KINDS.index(had) < KINDS.index(kind):
            return False
        if torch_index and torch_index != stamp.get("torch_index"):
            return False
        return stamp.get("made_of") == self._made_of(had)

    def _made_of(self, kind):
        """Return a digest of what decides on the content."""
        told = hashlib.sha256(TORCH.encode())
        for name in (LOCKS[kind], "pyproject.toml"):
            told.update((self.root / name).read_bytes())
        return told.hexdigest()

    def _remove(self):
        if not self.folder.is_dir() or (
            any(self.folder.iterdir())
            and not (self.folder / "pyvenv.cfg").exists()
            and not (self.folder / STAMP).exists()
        ):
            raise SetUpError(
                "%s is there and is no Python environment: move it away, and start again." % self.folder
            )
        shutil.rmtree(self.folder)

    # --- Making it ---

    def _make(self, kind, torch_index):
        stamp = self._stamp() or {}
        # One that holds more is not made to hold less.
        if stamp.get("kind") in KINDS and KINDS.index(stamp["kind"]) > KINDS.index(kind):
            kind = stamp["kind"]
        torch_index = torch_index or stamp.get("torch_index", "")
        self._say(
            "Setting up %s (once, a few minutes): %s to download, and PyTorch; 2 GB of disk."
            % (self.folder, SIZES[kind])
        )
        if not self.folder.exists():
            self._run([sys.executable, "-m", "venv", str(self.folder)], "the environment could not be made")
        stamp_file = self.folder / STAMP
        stamp_file.unlink(missing_ok=True)
        lock = self.root / LOCKS[kind]
        packages = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
        self._pip("1 of 3", packages, "--no-deps", "--require-hashes", "-r", str(lock))
        self._pip_torch(torch_index)
        self._pip("3 of 3", 1, "--no-deps", "--no-build-isolation", "--editable", str(self.root))
        told = {
            "kind": kind,
            "python": self._version(self.python),
            "place": str(self.folder.resolve()),
            "torch_index": torch_index,
            "made_of": self._made_of(kind),
        }
        beside = self.folder / (STAMP + ".new")
        beside.write_text(json.dumps(told), encoding="utf-8")
        beside.replace(stamp_file)
        self._say("%s is ready." % self.folder)

    def _pip_torch(self, torch_index):
        index = torch_index
        if not index and sys.platform.startswith("linux"):
            if answers(CPU_INDEX):
                index = CPU_INDEX
                self._say("PyTorch comes as its CPU build, some 200 MB, from %s." % index)
            else:
                self._say(
                    "PyTorch's CPU index (%s) does not answer, so pip brings what it finds: from PyPI that is"
                    " the build with CUDA, several gigabytes and of no use here. To choose an index yourself,"
                    " press Ctrl-C and start with TORCH_INDEX=<address>." % CPU_INDEX
                )
        if index:
            # Its own packages alone: what it needs besides stands in the lock file.
            self._pip("2 of 3", 1, "--no-deps", "--index-url", index, TORCH)
        else:
            self._pip("2 of 3", 1, TORCH)

    def _pip(self, step, packages, *arguments):
        """Run ``pip install``, and show how far it is."""
        command = [
            str(self.python),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
        ]
        running = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        last, seen, shown, what, now = [], 0, 0.0, "", ""
        assert running.stdout is not None
        for line in running.stdout:
            last = [*last[-19:], line.rstrip()]
            words = line.split()
            # A wheel from the network is collected, one that lies on this machine processed.
            if words[:1] in (["Collecting"], ["Processing"]):
                seen += 1
                now = "%d of %d  %s" % (min(seen, packages), packages, words[1].rsplit("/", 1)[-1][:60])
            elif words[:2] == ["Installing", "collected"]:
                now = "putting them in place ..."
            if now != what and (sys.stderr.isatty() or time.monotonic() - shown > _SHOWN_EVERY):
                shown, what = time.monotonic(), now
                self._show("  %s: %s" % (step, now))
        if sys.stderr.isatty():
            self._show("")
        if running.wait() != 0:
            raise SetUpError("pip could not install (step %s):\n%s" % (step, "\n".join(last)))

    def _show(self, line):
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K%s" % line)
            sys.stderr.flush()
        else:
            self._say(line)

    def _run(self, command, failed):
        done = self._call(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetUpError(
                "%s: %s (on Debian and Ubuntu: apt install python3-venv)"
                % (failed, (done.stderr or done.stdout).strip())
            )


def answers(index, seconds=ANSWERS_WITHIN):
    """Say whether a package index has PyTorch and answers in time, the search for its name included."""
    code = (
        "import sys, urllib.request as r;"
        "sys.exit(0 if r.urlopen(sys.argv[1], timeout=%r).status == 200 else 1)" % seconds
    )
    try:
        # A process of its own: a name that is not found can be waited for much longer than asked.
        done = subprocess.run(
            [sys.executable, "-c", code, index.rstrip("/") + "/torch/"],
            capture_output=True,
            timeout=seconds + 1,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main(arguments=None):
    """Set up what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description="Set up .venv.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--venv", default=".venv")
    parser.add_argument("--torch-index", default="")
    given = parser.parse_args(arguments)
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write(
            "This is Python %d.%d, and it must be %d.%d or newer; name another: make run PYTHON=python3.12\n"
            % (sys.version_info[:2] + OLDEST_PYTHON)
        )
        return 78
    try:
        Environment(given.venv).prepare(given.kind, given.torch_index.strip())
    except SetUpError as error:
        sys.stderr.write("%s\n" % error)
        return 69
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; the next start begins anew.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
