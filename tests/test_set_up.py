"""Setting up: what is installed for what, and an environment that is no good is found and made anew."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "tools" / "set_up.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


set_up = _load()


class Made:
    """A project with lock files, and an environment in which nothing is really installed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        (self.root / "pyproject.toml").write_text("[project]")
        for name in set_up.LOCKS.values():
            (self.root / name).write_text("a==1\nb==2\n")
        self.venv = self.root / ".venv"
        self.said: list[str] = []
        self.pip: list[tuple[str, ...]] = []
        self.fails = False
        monkeypatch.setattr(set_up.Environment, "_pip", lambda _self, *given: self._install(given))
        monkeypatch.setattr(set_up, "answers", lambda _index: False)

    def _install(self, given: tuple[Any, ...]) -> None:
        if self.fails:
            raise set_up.SetUpError("no network")
        self.pip.append(given)

    def __call__(self, kind: str = "run", torch_index: str = "") -> bool:
        self.said.clear()
        self.pip.clear()
        made = set_up.Environment(self.venv, root=self.root, call=self._call, say=self.said.append)
        return bool(made.prepare(kind, torch_index))

    def _call(self, command: list[str], **options: Any) -> Any:
        if command[1:3] == ["-m", "venv"]:
            # As ``venv`` makes it, without pip: that alone takes seconds.
            command = [*command[:3], "--without-pip", *command[3:]]
        return subprocess.run(command, **options)  # noqa: PLW1510, S603  check is among the options

    @property
    def installed_from(self) -> list[str]:
        return [Path(str(given[-1])).name for given in self.pip if "-r" in given]

    @property
    def stamp(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.venv / set_up.STAMP).read_text())
        return found


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(tmp_path, monkeypatch)


def test_running_installs_what_running_needs_and_the_second_time_nothing(made: Made) -> None:
    assert made()
    assert made.installed_from == ["requirements.lock"]
    assert "300 MB" in made.said[0]
    assert not made()
    assert (made.said, made.pip) == ([], [])


def test_running_needs_no_linter_no_test_and_no_simulation() -> None:
    names = {
        line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line
    }
    assert {"numpy", "discord-py", "onnxruntime"} <= names
    assert not names & {"ruff", "mypy", "pytest", "hypothesis", "simcord", "playwright", "pillow", "torch"}
    preview = (ROOT / "requirements-preview.lock").read_text()
    assert "\nsimcord==" in preview
    assert "\npytest==" not in preview


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-preview.lock"])
def test_every_lock_file_has_the_versions_of_the_one_for_developing(lock: str) -> None:
    def pinned(name: str) -> set[str]:
        return {
            line.split()[0] for line in (ROOT / name).read_text().splitlines() if "==" in line.split("#")[0]
        }

    assert pinned(lock) <= pinned("requirements-dev.lock")


def test_developing_after_running_adds_and_running_after_developing_does_nothing(made: Made) -> None:
    made("run")
    assert made("dev")
    assert made.installed_from == ["requirements-dev.lock"]
    assert "anew" not in " ".join(made.said)
    assert not made("run")
    assert not made("preview")


def test_a_lock_file_that_has_changed_is_installed_and_nothing_is_taken_away_for_it(made: Made) -> None:
    made("dev")
    (made.root / "requirements-dev.lock").write_text("a==2\n")
    assert made("run")
    assert made.installed_from == ["requirements-dev.lock"]


def test_half_made_it_is_made_anew(made: Made) -> None:
    made.fails = True
    with pytest.raises(set_up.SetUpError):
        made()
    assert not (made.venv / set_up.STAMP).exists()
    (made.venv / "crumb").touch()
    made.fails = False
    assert made()
    assert "half made" in made.said[0]
    assert not (made.venv / "crumb").exists()


def test_moved_it_is_made_anew(made: Made) -> None:
    made()
    shutil.move(made.root, made.root.with_name("elsewhere"))
    made.root, made.venv = made.root.with_name("elsewhere"), made.root.with_name("elsewhere") / ".venv"
    assert made()
    assert "made in another folder" in made.said[0]
    assert made.stamp["place"] == str(made.venv)


def test_without_its_python_it_is_made_anew(made: Made) -> None:
    made()
    for name in ("python", "python3", f"python3.{sys.version_info[1]}"):
        (made.venv / "bin" / name).unlink(missing_ok=True)
    (made.venv / "bin" / "python").symlink_to("/nowhere/python")
    assert made()
    assert "lost its Python" in made.said[0]


def test_outlived_by_a_newer_python_it_is_made_anew(made: Made) -> None:
    made()
    (made.venv / set_up.STAMP).write_text(json.dumps(made.stamp | {"python": "3.10"}))
    assert made()
    assert "was made with Python 3.10" in made.said[0]


def test_a_stamp_of_the_version_before_is_brought_up_to_date_in_place(made: Made) -> None:
    made()
    (made.venv / set_up.STAMP).write_text("")
    (made.venv / "mine").touch()
    assert made("dev")
    assert (made.venv / "mine").exists()


def test_a_folder_that_is_no_environment_is_left_alone(made: Made) -> None:
    made.venv.mkdir()
    (made.venv / "letter").touch()
    with pytest.raises(set_up.SetUpError, match="no Python environment"):
        made()
    assert (made.venv / "letter").exists()


# --- PyTorch ----------------------------------------------------------------------------------------------


def torch_of(made: Made) -> tuple[str, ...]:
    (given,) = [each for each in made.pip if set_up.TORCH in each]
    return given[2:]


def test_the_cpu_build_is_taken_where_its_index_answers(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(set_up, "answers", lambda index: index == set_up.CPU_INDEX)
    made()
    assert torch_of(made) == ("--no-deps", "--index-url", set_up.CPU_INDEX, set_up.TORCH)


def test_where_it_does_not_answer_pip_decides_and_what_that_means_is_said(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    made()
    assert torch_of(made) == (set_up.TORCH,)
    assert "CUDA, several gigabytes" in " ".join(made.said)


def test_an_index_that_is_named_later_counts_and_stays(made: Made) -> None:
    made()
    assert made(torch_index="https://example.org/cpu")
    assert torch_of(made)[2] == "https://example.org/cpu"
    assert not made(torch_index="https://example.org/cpu")
    assert not made()
    made("dev")
    assert torch_of(made)[2] == "https://example.org/cpu"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """Return the address of a package index with PyTorch on this machine."""
    (tmp_path / "index" / "torch").mkdir(parents=True)
    (tmp_path / "index" / "torch" / "index.html").write_text("<a href=torch.whl>torch</a>")
    serves = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    serves.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serves) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_index_is_asked_whether_it_has_pytorch(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert set_up.answers(index, 20)
    assert not set_up.answers(f"{index}/nothing", 20)


def test_an_index_that_says_nothing_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert not set_up.answers(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.5)
        assert time.monotonic() - began < 10


def test_a_python_that_is_too_old_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(set_up, "OLDEST_PYTHON", (9, 0))
    assert set_up.main(["run"]) == 78
    assert "must be 9.0 or newer" in capsys.readouterr().err


def test_what_goes_wrong_is_a_sentence_and_a_status(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "letter").touch()
    assert set_up.main(["run", "--venv", str(tmp_path / "venv")]) == 69
    assert "no Python environment" in capsys.readouterr().err
    assert [each.name for each in (tmp_path / "venv").iterdir()] == ["letter"]
