"""``SHARDS``: which part of all servers a process serves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linernotes.errors import SettingsError
from linernotes.settings import Settings
from linernotes.shards import Shards

URL = "postgresql://db.example.org/linernotes"


@pytest.mark.parametrize(
    ("written", "ids", "count"),
    [
        ("0-3/16", (0, 1, 2, 3), 16),
        ("0/2", (0,), 2),
        ("0,2/4", (0, 2), 4),
        (" 2 , 0-1 / 4 ", (0, 1, 2), 4),
        ("1,1-1/2", (1,), 2),
    ],
)
def test_shards_are_read(written: str, ids: tuple[int, ...], count: int) -> None:
    assert Shards.parse(written) == Shards(ids, count)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0", "such as 0-3/16"),
        ("/2", "such as 0-3/16"),
        ("0-/2", "such as 0-3/16"),
        ("-1/2", "such as 0-3/16"),
        ("a/b", "such as 0-3/16"),
        ("0/2/4", "such as 0-3/16"),
        ("0/0", "from 1 to 100,000"),
        ("2/2", "names shard 2, but of 2 the last is 1"),
        ("3-1/4", "the wrong way round"),
        ("1,/4", "such as 0-3/16"),
    ],
)
def test_what_names_no_shards_is_refused_in_a_sentence(written: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"SHARDS": written, "DATABASE_URL": URL})
    (problem,) = caught.value.problems
    assert problem.startswith(f"SHARDS is '{written}': ")
    assert said in problem
    assert caught.value.exit_status == 78


def test_without_a_server_for_the_database_one_process_must_serve_all() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"SHARDS": "0/2"})
    (problem,) = caught.value.problems
    assert problem.startswith("SHARDS is '0/2': leaves servers to other processes")
    assert "set DATABASE_URL, or name all shards (0-1/2)." in problem
    for given_ in ({"SHARDS": "0-1/2"}, {"SHARDS": "0/2", "DATABASE_URL": URL}):
        assert Settings.from_env(given_).shards == Shards.parse(given_["SHARDS"])


@given(st.integers(1, 40), st.data())
def test_what_is_written_is_what_was_read(count: int, data: st.DataObject) -> None:
    ids = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    shards = Shards(tuple(sorted(ids)), count)
    assert Shards.parse(str(shards)) == shards


@given(st.integers(1, 40), st.integers(0, 2**62))
def test_each_server_is_one_shards_own_and_direct_messages_are_the_firsts(count: int, guild: int) -> None:
    each = [Shards((number,), count) for number in range(count)]
    assert [shards.ids[0] for shards in each if shards.serves(guild)] == [(guild >> 22) % count]
    assert [shards.ids[0] for shards in each if shards.serves(None)] == [0]
