"""Settings: what is read, what is refused, and the example file that lists them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from linernotes.errors import SettingsError
from linernotes.settings import Settings

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
