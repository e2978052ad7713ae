"""When to connect again: pauses that grow, and a budget of IDENTIFYs that a day cannot use up."""

from __future__ import annotations

import itertools
import random

import pytest

from linernotes.chat.frame.link import LIFE_SECONDS, Link

DAY = 24 * 3_600.0


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link(clock: Clock) -> Link:
    return Link(clock, random.Random(3))  # noqa: S311  it spreads connections out


def test_pauses_grow_while_connections_die_young(link: Link, clock: Clock) -> None:
    pauses = []
    for _ in range(8):
        link.up(0)
        clock.now += 1
        link.down(0)
        pauses.append(link.pause(0, identify=False))
    assert pauses[0] <= 1
    assert all(later > 1.0 * earlier for earlier, later in itertools.pairwise(pauses[:6]))
    assert 30 <= pauses[-1] <= 60


def test_a_connection_that_has_lived_is_followed_by_a_short_pause(link: Link, clock: Clock) -> None:
    for _ in range(6):
        link.up(0)
        link.down(0)
    link.up(0)
    clock.now += 7 * LIFE_SECONDS
    link.down(0)
    assert link.pause(0, identify=False) <= 1


def test_a_day_of_connections_that_die_at_once_has_no_more_than_400_identifies(
    link: Link, clock: Clock
) -> None:
    end, identifies = clock.now + DAY, 0
    while clock.now < end:
        link.down(0)
        clock.now += link.pause(0, identify=True)
        identifies += 1
        link.up(0)
    assert 100 < identifies <= 400


def test_connections_that_live_for_a_minute_each_cannot_use_the_budget_up_either(
    link: Link, clock: Clock
) -> None:
    end, identifies = clock.now + DAY, 0
    while clock.now < end:
        link.down(0)
        clock.now += link.pause(0, identify=True)
        identifies += 1
        link.up(0)
        clock.now += 60.0
    assert identifies <= 400


def test_a_session_that_cannot_be_resumed_three_times_is_given_up(link: Link) -> None:
    assert [link.may_resume(0) for _ in range(5)] == [True, True, True, False, True]


def test_it_knows_how_long_the_worst_connection_has_been_gone(link: Link, clock: Clock) -> None:
    assert link.seconds_down() == 0
    link.up(0)
    link.up(1)
    assert link.seconds_down() is None
    link.down(1)
    clock.now += 7
    assert link.seconds_down() == 7
    link.down(1)
    assert link.seconds_down() == 7
    link.up(1)
    assert link.seconds_down() is None
