"""Settings: what is read, what is refused, and the example file that lists them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from linernotes.errors import SettingsError
from linernotes.settings import Settings
from linernotes.shell.environment import read_environment, unknown_names

EXAMPLE = Path(__file__).parents[1] / ".env.example"


def written(value: object) -> str:
    """Return a default as an operator writes it."""
    if value is None:
        return ""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def test_the_example_file_lists_every_setting_with_its_description_and_default() -> None:
    entries = re.findall(r"^# (.+)\n#?([A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert entries == [
        (field.description, name.upper(), written(field.default))
        for name, field in Settings.model_fields.items()
    ]


def test_the_example_file_as_it_stands_sets_nothing() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    active = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert Settings.from_env(active) == Settings()
    uncommented = dict(line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line))
    assert Settings.from_env(uncommented) == Settings()


def test_nothing_set_means_defaults() -> None:
    settings = Settings.from_env({"PATH": "/bin", "LOG_LEVEL": "", "HEALTH_PORT": "  "})
    assert settings == Settings()
    assert (settings.corpus_dir, settings.data_dir) == (Path("corpus"), Path("data"))


def test_values_are_read() -> None:
    settings = Settings.from_env(
        {
            "DISCORD_TOKEN": " secret ",
            "CORPUS_DIR": "/articles",
            "LOG_LEVEL": "WARNING",
            "DEV_GUILD_ID": "81384788765712384",
            "MESSAGE_CONTENT": "On",
            "HEALTH_PORT": "8080",
            "PRIVACY_URL": "https://example.org/privacy",
        }
    )
    assert settings.discord_token is not None
    assert settings.discord_token.get_secret_value() == "secret"
    assert "secret" not in repr(settings)
    assert settings.corpus_dir == Path("/articles")
    assert settings.log_level == "warning"
    assert settings.dev_guild_id == 81384788765712384
    assert settings.message_content is True
    assert settings.health_port == 8080


def test_all_wrong_values_are_named_at_once() -> None:
    wrong = {
        "LOG_LEVEL": "loud",
        "DEV_GUILD_ID": "my server",
        "MESSAGE_CONTENT": "perhaps",
        "HEALTH_PORT": "65536",
        "PRIVACY_URL": "http://example.org",
        "MAX_FILE_BYTES": "0",
        "MAX_CORPUS_BYTES": "-1",
        "MAX_QUESTION_CHARS": "many",
    }
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({**wrong, "CORPUS_DIR": "fine"})
    assert [sentence.split()[0] for sentence in raised.value.problems] == list(wrong)
    for name, value in wrong.items():
        assert any(name in each and repr(value) in each for each in raised.value.problems)
    assert raised.value.exit_status == 78


@pytest.mark.parametrize(
    ("token", "part"),
    [
        ('"abc.def"', "quotation marks"),
        ("'abc.def'", "quotation marks"),
        ("Bot abc.def", 'begins with "Bot "'),
        ("abc\ndef", "line break"),
        ("abc def", "space"),
        ("abc…def", "no token has"),
    ],
)
def test_a_token_that_was_copied_wrongly_is_named_and_not_shown(token: str, part: str) -> None:
    with pytest.raises(SettingsError, match=part) as raised:
        Settings.from_env({"DISCORD_TOKEN": token})
    assert raised.value.exit_status == 78
    assert "DISCORD_TOKEN" in str(raised.value)
    assert "def" not in str(raised.value)


def test_a_proxy_is_an_address_and_its_password_is_never_shown() -> None:
    settings = Settings.from_env({"HTTPS_PROXY": "http://me:secret@proxy.example:3128"})
    assert settings.https_proxy is not None
    assert "secret" not in repr(settings)
    with pytest.raises(SettingsError, match="http://") as raised:
        Settings.from_env({"HTTPS_PROXY": "me:secret@proxy.example"})
    assert "secret" not in str(raised.value)


def test_a_name_in_the_file_that_is_no_setting_is_named_with_the_one_that_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text("DISCORD_TOKN=x\nLOG_LEVEL=info\nTZ=UTC\nhttps_proxy=http://proxy\n")
    assert unknown_names(["DISCORD_TOKN", "LOG_LEVEL", "TZ", "DATABASE_PASSWORD", "https_proxy"]) == (
        ".env sets DISCORD_TOKN, which is no setting; DISCORD_TOKEN may be meant.",
    )
    assert read_environment()["HTTPS_PROXY"] == "http://proxy"
