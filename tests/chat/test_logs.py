"""The log holds neither tokens nor local variables, and can be read by machines."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from linernotes.chat.frame import logs
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Made up, in the form of a bot's token; and one that has no form at all.
TOKEN = f"{'MTIzNDU2Nzg5MDEyMzQ1Njc4'}.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
OTHER = f"{'NzIzNDU2Nzg5MDEyMzQ1Njc4'}.XyZ_-1.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ab"
PLAIN = "a-secret-of-another-kind"


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    names = (None, "linernotes", "discord")
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    handlers = list(logging.getLogger().handlers)
    yield
    for logger, level in before:
        logger.setLevel(level)
    logging.getLogger().handlers[:] = handlers


def set_up(**settings: Any) -> None:
    logs.set_up(Settings(discord_token=SecretStr(PLAIN), **settings))


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_token_never_appears(log_format: Any, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format=log_format, log_level="debug")
    log = logs.get("linernotes.test")
    for secret in (TOKEN, OTHER, PLAIN):
        log.info(
            "told %s", secret, token=secret, headers={"Authorization": f"Bot {secret}"}, parts=[secret, 1]
        )
        log.info("sent to %s", f"https://discord.com/api/v10/webhooks/123/{secret}/messages")
        logging.getLogger("linernotes.library.service").warning("library %s", secret)
        logging.getLogger("discord.http").warning("POST /webhooks/123456/%s", secret * 2)
        try:
            int(f"refused {secret}")
        except ValueError:
            log.exception("failed")
            logging.getLogger("discord.client").exception("failed")
    shown = capsys.readouterr().err
    assert shown.count(logs.HIDDEN) >= 20
    for secret in (TOKEN, OTHER, PLAIN):
        assert secret not in shown
        assert secret.rpartition(".")[2] not in shown


def test_addresses_with_passwords_never_appear(capsys: pytest.CaptureFixture[str]) -> None:
    proxy, database = "http://me:hush@proxy.example:3128", "postgresql://me:hush@db.example/linernotes"
    set_up(https_proxy=SecretStr(proxy), database_url=SecretStr(database))
    log = logs.get("linernotes.test")
    for address in (proxy, database):
        log.warning("cannot reach %s", address, reason=OSError(f"no way to {address}"))
    shown = capsys.readouterr().err
    assert shown.count(logs.HIDDEN) == 4
    assert "hush" not in shown


def test_interactions_have_tokens_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    token = "aW50ZXJhY3Rpb246MTIzNDU2Nzg5OmFiY2RlZg" * 3
    logs.get("linernotes.test").info(f"PATCH /webhooks/123456/{token}/messages/@original")
    assert "aW50ZXJh" not in capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_has_no_local_variables(log_format: Any, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format=log_format)

    def fail(asked: str) -> int:
        return int(asked[:4])

    question = "what a member has asked"

    try:
        fail(question)
    except ValueError:
        logs.get("linernotes.test").exception("failed")
        logging.getLogger("discord.client").exception("failed")
    shown = capsys.readouterr().err
    assert shown.count("Traceback (most recent call last)") == 2
    assert "a member has asked" not in shown


def test_json_is_one_object_for_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(log_format="json")
    logs.get("linernotes.test").info("asked", guild=1, answered=True, reason=None)
    logging.getLogger("linernotes.library.service").warning("Edition %s", "abc")
    one, other = map(json.loads, capsys.readouterr().err.splitlines())
    assert one["event"] == "asked"
    assert (one["guild"], one["answered"], one["reason"], one["level"]) == (1, True, None, "info")
    assert one["logger"] == "linernotes.test"
    assert one["timestamp"].endswith("Z")
    assert (other["event"], other["level"], other["logger"]) == (
        "Edition abc",
        "warning",
        "linernotes.library.service",
    )


def test_the_level_is_ours_and_discords_library_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up(log_level="error")
    logs.get("linernotes.test").warning("quiet")
    logging.getLogger("discord.gateway").warning("quiet")
    set_up(log_level="debug")
    logging.getLogger("discord.gateway").debug("quiet")
    logs.get("linernotes.test").debug("loud")
    shown = capsys.readouterr().err
    assert "quiet" not in shown
    assert "loud" in shown
