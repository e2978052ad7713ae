"""How the program ends: on a signal, on what must be changed, on what passes; and what it writes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from connecting import connected
from loopback import APPLICATION, open_loopback
from program import GONE_SECONDS, entries, outcome, program, sentences
from pydantic import SecretStr
from weather import Fault

from fakes import QUESTION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loopback import Loopback

ROOT = Path(__file__).parents[2]
ME = f"<@{APPLICATION}>"


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with open_loopback() as made:
        yield made


def text_of(message: dict[str, Any]) -> str:
    return " ".join([message.get("content") or "", *(str(each["description"]) for each in message["embeds"])])


def replied(server: Loopback, asked: str) -> list[str]:
    return [
        text_of(each)
        for each in server.messages
        if str((each["message_reference"] or {}).get("message_id")) == asked
    ]


# --- On a signal ------------------------------------------------------------------------------------------


def _endless(folder: Path) -> Path:
    """Write a package of our name whose import never ends, and return the folder that it is in."""
    package = folder / "linernotes" / "shell"
    package.mkdir(parents=True)
    (folder / "linernotes" / "__init__.py").touch()
    (package / "__init__.py").write_text(
        "import os, time\nprint('importing as', os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    return folder


def test_sigterm_is_heard_from_the_first_line(tmp_path: Path) -> None:
    """In place of the package, whose import takes a while, stands one whose import never ends."""
    env = os.environ | {"PYTHONPATH": str(_endless(tmp_path))}
    with subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, str(ROOT / "bot.py")],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("importing")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(
    not shutil.which("unshare"), reason="needs unshare, to be the first process of a container"
)
def test_sigterm_is_heard_as_the_first_process_of_a_container(tmp_path: Path) -> None:
    """The kernel lets a first process hear only the signals that it has a handler for."""
    command = ["unshare", "--fork", "--pid", "--kill-child", sys.executable]
    allowed = subprocess.run([*command, "-c", ""], capture_output=True, check=False)  # noqa: S603  our own words
    if allowed.returncode:
        pytest.skip("unshare is not allowed here")
    with subprocess.Popen(  # noqa: S603  our own words
        [*command, str(ROOT / "bot.py")],
        env=os.environ | {"PYTHONPATH": str(_endless(tmp_path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as outer:
        assert outer.stdout is not None
        assert outer.stdout.readline() == "importing as 1\n"
        (inner,) = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(inner), signal.SIGTERM)
        _, err = outer.communicate(timeout=20)
    assert (outer.returncode, err) == (0, "")


@pytest.mark.slow
async def test_who_must_wait_in_vain_is_told_and_the_bot_is_gone_in_five_seconds(
    server: Loopback, tmp_path: Path
) -> None:
    async with program(server.url, tmp_path, LOG_FORMAT="json") as process:
        await asyncio.wait_for(server.identified.wait(), 60)
        await server.until(lambda: bool(server.commands))
        asked = [await server.say(f"{ME} {QUESTION} never", number=n) for n in range(20)]
        commands = [await server.ask(f"{QUESTION} never", 100 + n) for n in range(5)]
        await server.until(lambda: len(server.named("POST", "/callback")) == 5)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, _, err = await outcome(process)
        took = time.monotonic() - began
    assert status == 0, err
    assert took < GONE_SECONDS
    for key in asked:
        (told,) = replied(server, key)
        assert "being restarted" in told
    for key in commands:
        assert "being restarted" in str(server.interactions[key].shown + server.interactions[key].followups)
    assert not any("exception" in each for each in entries(err)), err


@pytest.mark.slow
async def test_who_asks_while_the_bot_leaves_is_told(server: Loopback, tmp_path: Path) -> None:
    async with program(server.url, tmp_path) as process:
        await asyncio.wait_for(server.identified.wait(), 60)
        await server.say(f"{ME} {QUESTION} never")
        await server.until(lambda: bool(server.named("POST", "/typing")))
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        asked = await server.say(f"{ME} {QUESTION}", "Bob", 2)
        status, _, err = await outcome(process)
    assert status == 0, err
    (told,) = replied(server, asked)
    assert "being restarted" in told


@pytest.mark.slow
async def test_a_question_that_was_open_when_the_bot_was_killed_is_answered_at_the_next_start(
    server: Loopback, tmp_path: Path
) -> None:
    async with program(server.url, tmp_path) as process:
        await asyncio.wait_for(server.identified.wait(), 60)
        before = await server.say(f"{ME} {QUESTION}", number=1)
        await server.until(lambda: len(server.messages) == 1)
        asked = await server.say(f"{ME} {QUESTION} slowly", "Bob", 2)
        await server.until(lambda: len(server.named("POST", "/typing")) == 2)
        await asyncio.sleep(0.3)
        process.kill()
        await process.wait()
    missed = await server.say(f"{ME} {QUESTION}", "Cleo", 3, heard=False)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("linernotes.db*"))
    assert b"slowly" not in kept
    async with program(server.url, tmp_path) as process:
        await server.until(lambda: bool(replied(server, asked) and replied(server, missed)), 60)
        await asyncio.sleep(1)
        process.send_signal(signal.SIGTERM)
        status, _, err = await outcome(process)
    assert status == 0, err
    assert [len(replied(server, key)) for key in (before, asked, missed)] == [1, 1, 1]
    assert all("Ada Stone" in text_of(each) for each in server.messages)


# --- On what Discord says ---------------------------------------------------------------------------------


@pytest.mark.slow
async def test_answers_under_way_are_finished_before_an_end_that_discord_makes(
    server: Loopback, tmp_path: Path
) -> None:
    async with program(server.url, tmp_path, LOG_FORMAT="json") as process:
        await asyncio.wait_for(server.identified.wait(), 60)
        asked = await server.say(f"{ME} {QUESTION} slowly")
        await server.until(lambda: bool(server.named("POST", "/typing")))
        await server.drop(4004)
        status, _, err = await outcome(process)
    assert status == 78
    assert "Ada Stone" in str(replied(server, asked))
    assert "DISCORD_TOKEN" in str(entries(err)[-1]["event"])
    assert not any("exception" in each for each in entries(err)), err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("503", "Discord is down (503)"),
        ("cloudflare 403", "turns this machine's address away"),
        ("cloudflare 429", "Wait an hour"),
        ("reset", "not to be had (ServerDisconnectedError)"),
    ],
)
async def test_what_passes_is_named_and_ends_with_69(
    server: Loopback, tmp_path: Path, fault: str, part: str
) -> None:
    server.weather.lasting = Fault(fault)
    async with program(server.url, tmp_path) as process:
        status, _, err = await outcome(process, 60)
    assert status == 69
    (sentence,) = sentences(err)
    assert part in sentence
    assert "Traceback" not in err


_AUTHORITY = """
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def _certify(folder: Path, until: str) -> tuple[Path, Path]:
    """Make a key and a certificate for 127.0.0.1 that ends then; returns where they are."""
    (folder / "authority.cnf").write_text(_AUTHORITY)
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01")
    name = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    for command in (
        f"req -new -newkey rsa:2048 -nodes -keyout key.pem -out request.pem {name}",
        (
            "ca -batch -selfsign -config authority.cnf -keyfile key.pem -in request.pem -out certificate.pem"
            f" -startdate 20200101000000Z -enddate {until}"
        ),
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=True)  # noqa: S603, S607
    return folder / "key.pem", folder / "certificate.pem"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl, to make a certificate")
@pytest.mark.parametrize("ended", [True, False], ids=["that has ended", "of nobody who is trusted"])
async def test_a_certificate_that_cannot_be_trusted_is_named_and_ends_with_78(
    tmp_path: Path, ended: bool
) -> None:
    """Somebody must change something, be it the clock; the one that has ended is trusted otherwise."""
    key, certificate = _certify(tmp_path, "20200102000000Z" if ended else "20900102000000Z")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    trusted = {"SSL_CERT_FILE": str(certificate)} if ended else {}
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        async with program(f"https://127.0.0.1:{port}", tmp_path, **trusted) as process:
            status, _, err = await outcome(process)
    assert status == 78
    (sentence,) = sentences(err)
    assert "a certificate that this machine does not trust; check its clock" in sentence
    assert "Traceback" not in err


@pytest.mark.slow
async def test_a_login_that_fails_for_a_moment_is_tried_again(server: Loopback, tmp_path: Path) -> None:
    server.weather.script.extend([Fault("503"), Fault("reset")])
    async with program(server.url, tmp_path) as process:
        await asyncio.wait_for(server.identified.wait(), 60)
        process.send_signal(signal.SIGTERM)
        assert (await outcome(process))[0] == 0


# --- What it writes ---------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_every_line_is_json_whatever_ends_the_bot(server: Loopback, tmp_path: Path) -> None:
    async with program(server.url, tmp_path, token='"quoted"', LOG_FORMAT="json") as process:  # noqa: S106  made up
        status, _, err = await outcome(process)
    assert status == 78
    assert "quotation marks" in str(entries(err)[-1]["event"])
    (tmp_path / ".env").write_text("DISCORD_TOKN=x\n")
    server.weather.lasting = Fault("cloudflare 403")
    env = {"LOG_FORMAT": "json", "PYTHONWARNINGS": "default::UserWarning"}
    async with program(server.url, tmp_path, "--noisy", **env) as process:
        status, _, err = await outcome(process)
    assert status == 69
    told = entries(err)
    assert {"event", "level", "logger", "timestamp"} <= set.intersection(*(set(each) for each in told))
    text = [str(each) for each in told]
    assert any("DISCORD_TOKN" in each and "DISCORD_TOKEN may be meant" in each for each in text)
    assert any("a warning of a library" in each for each in text)
    assert any("uncaught error in a thread" in each and "nobody catches it" in each for each in text)


@pytest.mark.slow
async def test_what_is_wrong_in_the_env_file_is_json_too(server: Loopback, tmp_path: Path) -> None:
    """The setting that asks for JSON may stand in the file that is wrong; a quoted token is what is meant."""
    (tmp_path / ".env").write_text("LOG_FORMAT=json\nMAX_FILE_BYTES=many\nHEALTH_PORT=0.5\nCORPUS_DIRR=x\n")
    async with program(server.url, tmp_path) as process:
        status, out, err = await outcome(process)
    assert (status, out) == (78, "")
    told = entries(err)
    assert told
    assert all({"event", "level", "timestamp"} <= set(each) for each in told)
    assert "MAX_FILE_BYTES" in str(told[-1]["event"])
    assert "HEALTH_PORT" in str(told[-1]["event"])


# --- Through a proxy --------------------------------------------------------------------------------------


async def test_a_proxy_is_used_for_requests_and_for_the_gateway(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the server is known to the proxy alone."""
    settings = {"https_proxy": SecretStr(server.url)}
    real, server.url = server.url, "http://discord.invalid"
    async with connected(server, tmp_path, monkeypatch, settings=settings):
        await server.say(f"{ME} {QUESTION}")
        await server.until(lambda: len(server.messages) == 1)
    server.url = real
