"""``deploy/compose.yaml``: one bot as it was, or a PostgreSQL and bots that have all servers between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from linernotes.settings import Settings
from linernotes.shards import Shards

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BOTS = sorted(name for name in SERVICES if name.startswith("bot"))
MANY = [name for name in BOTS if name != "bot"]


def settings_of(name: str) -> Settings:
    """Return what a bot is given, read and checked as it does."""
    given = SERVICES[name]["environment"]
    assert {key.lower() for key in given} <= Settings.model_fields.keys()
    return Settings.from_env(given)


def test_without_a_word_more_one_bot_is_started_and_nothing_else() -> None:
    assert [name for name, its in SERVICES.items() if not its.get("profiles")] == ["bot"]
    settings = settings_of("bot")
    assert settings.shards is settings.database_url is None


def test_the_many_have_all_servers_between_them_and_each_once() -> None:
    shards = [settings_of(name).shards for name in MANY]
    assert len(shards) >= 2
    (count,) = {each.count for each in shards if each is not None}
    assert sorted(number for each in shards if each is not None for number in each.ids) == [*range(count)]
    assert Shards(tuple(range(count)), count).is_all


def test_the_many_share_a_database_and_no_folder() -> None:
    urls = {settings_of(name).database_url for name in MANY}
    (url,) = urls
    assert url is not None
    database = SERVICES["database"]["environment"]
    user, name = database["POSTGRES_USER"], database["POSTGRES_DB"]
    assert url.get_secret_value() == f"postgresql://{user}:{database['POSTGRES_PASSWORD']}@database/{name}"
    folders = [
        each.partition(":")[0] for bot in BOTS for each in SERVICES[bot]["volumes"] if ":/data" in each
    ]
    assert len(folders) == len(set(folders)) == len(BOTS)
    assert {*folders, "database"} == COMPOSE["volumes"].keys()
    # What they answer from before a server has anything of its own is the same.
    assert len({each for bot in BOTS for each in SERVICES[bot]["volumes"] if ":/corpus" in each}) == 1


@pytest.mark.parametrize("name", SERVICES)
def test_each_is_an_ordinary_user_who_writes_to_its_volume_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert "privileged" not in service
    assert "ports" not in service
    assert service["logging"]["options"]["max-file"]


def test_the_database_is_reached_by_the_bots_alone_which_wait_for_it() -> None:
    assert SERVICES["database"]["networks"] == ["database"]
    assert COMPOSE["networks"]["database"]["internal"] is True
    assert SERVICES["database"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    for name in MANY:
        assert SERVICES[name]["depends_on"] == {"database": {"condition": "service_healthy"}}
        assert SERVICES[name]["networks"] == ["default", "database"]


def test_whether_a_bot_is_well_is_asked_of_its_own_page() -> None:
    container = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert "HEALTHCHECK" in container
    for name in BOTS:
        assert settings_of(name).health_port == 8080
        assert "healthcheck" not in SERVICES[name], "the image's counts"


def test_the_image_sets_what_is_a_setting() -> None:
    lines = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    (last,) = (line.split()[1:] for line in lines if line.startswith("ENV PATH="))
    given = dict(each.split("=", 1) for each in last)
    others = {"PATH", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS"}
    assert {name.lower() for name in given.keys() - others} <= Settings.model_fields.keys()
    assert Settings.from_env(given).log_format == "json"


@pytest.mark.parametrize(("answer", "status"), [(200, 0), (503, 1)])
def test_the_health_check_of_the_image_says_what_the_page_says(answer: int, status: int) -> None:
    container = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    _, _, command = container.rpartition("CMD ")
    program, *options = json.loads(command.splitlines()[0])
    assert program == "python"

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/health"
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as page:
        serving = threading.Thread(target=page.handle_request)
        serving.start()
        found = subprocess.run(  # noqa: S603  our own words
            [sys.executable, *options],
            env=os.environ | {"HEALTH_PORT": str(page.server_port)},
            stderr=subprocess.DEVNULL,
            check=False,
        )
        serving.join()
    assert found.returncode == status


def test_no_password_and_no_token_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for key, value in service["environment"].items():
            assert "TOKEN" not in key
            if "PASSWORD" in key or "://" in str(value):
                assert "${DATABASE_PASSWORD:-}" in value
