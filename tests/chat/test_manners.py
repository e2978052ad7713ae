"""How places are shared: whoever asks much leaves room for the others."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linernotes.chat.asking import crowds
from linernotes.chat.frame.manners import BusyError, Limits, Manners, Rate
from linernotes.chat.frame.shares import Shares

MANY = Rate(100_000, 1)


@given(st.lists(st.integers(0, 5), max_size=300), st.integers(1, 60))
def test_whoever_has_no_place_yet_finds_one_as_long_as_any_is_free(takers: list[int], places: int) -> None:
    shares = Shares(places)
    held = dict.fromkeys(range(6), 0)
    for taker in takers:
        free = places - shares.taken
        took = shares.take(taker)
        assert took == (held[taker] < free)
        held[taker] += took
        assert shares.taken == sum(held.values()) <= places


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=200))
def test_what_is_given_back_can_be_taken_again(steps: list[tuple[int, bool]]) -> None:
    shares, held = Shares(8), dict.fromkeys(range(4), 0)
    for taker, takes in steps:
        if takes:
            held[taker] += shares.take(taker)
        elif held[taker]:
            shares.give_back(taker)
            held[taker] -= 1
    for taker, number in held.items():
        for _ in range(number):
            shares.give_back(taker)
    assert shares.taken == 0
    assert shares.take("anybody")


def test_one_server_leaves_half_of_the_places_to_the_others() -> None:
    manners = Manners(lambda: 0.0, Limits(person=MANY, server=MANY, at_once=100))
    with ExitStack() as asked:
        for person in range(50):
            asked.enter_context(manners.question(1, person))
        with pytest.raises(BusyError):
            asked.enter_context(manners.question(1, 50))
        # A second server gets half of what is left, and a direct message finds a place, too.
        for person in range(25):
            asked.enter_context(manners.question(2, person))
        asked.enter_context(manners.question(None, 7))
    assert manners.under_way == 0


def test_a_place_that_was_given_back_is_free_while_the_answer_waits_to_be_sent() -> None:
    manners = Manners(lambda: 0.0, Limits(person=MANY, server=MANY, at_once=2, unsent=100))
    with ExitStack() as asked:
        for person in range(20):
            give_back = asked.enter_context(manners.question(1, person))
            give_back()
            give_back()
        assert manners.under_way == 0
    assert manners.under_way == 0


def test_answers_that_wait_to_be_sent_are_bounded_and_shared() -> None:
    manners = Manners(lambda: 0.0, Limits(person=MANY, server=MANY, at_once=1_000, unsent=10))
    with ExitStack() as asked:
        for person in range(5):
            asked.enter_context(manners.question(1, person))()
        with pytest.raises(BusyError):
            asked.enter_context(manners.question(1, 6))
        asked.enter_context(manners.question(2, 6))


def test_a_question_that_is_refused_holds_nothing() -> None:
    manners = Manners(lambda: 0.0, Limits(person=Rate(1, 10), at_once=4, unsent=4))
    with manners.question(1, 1):
        pass
    for _ in range(10):
        with pytest.raises(BusyError, match="ask me again"), manners.question(1, 1):
            pass
    assert manners.under_way == 0
    with manners.question(1, 2):
        assert manners.under_way == 1


def test_a_crowd_is_told_from_a_person_who_asks_too_much() -> None:
    """Who asks where all places are taken, or the server's share is used up, is one of many."""
    for manners, is_crowd in (
        (Manners(lambda: 0.0, Limits(at_once=0)), True),
        (Manners(lambda: 0.0, Limits(server=Rate(1, 60.0))), True),
        (Manners(lambda: 0.0, Limits(person=Rate(1, 60.0))), False),
    ):
        with suppress(BusyError), manners.question(1, 1):
            pass
        with pytest.raises(BusyError) as refused, manners.question(1, 1):
            pass
        assert refused.value.is_crowd is is_crowd


def test_what_was_asked_over_a_minute_and_comes_at_once_is_not_too_much() -> None:
    """After a gap, a person's rate counts when each question was asked, not when it was heard."""
    manners = Manners(lambda: 100.0, Limits(person=Rate(2, 10), server=MANY))
    with manners.question(1, 1):
        pass
    # In any order, and among what is asked now.
    for age in (59.0, 55.0, 12.0, 39.0, 35.0, 13.0):
        with manners.question(1, 1, age=age):
            pass
    with pytest.raises(BusyError), manners.question(1, 1, age=14.0):
        pass
    with manners.question(1, 1):
        pass
    with pytest.raises(BusyError), manners.question(1, 1):
        pass


async def test_a_crowd_is_told_at_once_and_then_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is refused at once; the others of a channel share one sentence, and it is tried again."""
    monkeypatch.setattr(crowds, "TOGETHER_SECONDS", 0.05)
    told: list[tuple[str, str]] = []
    fails = ["third"]
    ended: list[str] = []

    async def send(question: str, sentence: str) -> str | None:
        told.append((question, sentence))
        return fails.pop() and None if question in fails else question

    crowd = crowds.Crowds(send, ended.extend)
    for question in ("first", "second", "third"):
        await crowd.refuse(1, question, "Too many.")
    await crowd.refuse(2, "elsewhere", "Too many.")
    assert told == [("first", "Too many."), ("elsewhere", "Too many.")]
    await asyncio.sleep(0.3)
    together = ("third", "This is for the last 2 questions here. Too many.")
    assert told[2:] == [together, together]
    await crowd.refuse(1, "fourth", "Too many.")
    assert told[4:] == [("fourth", "Too many.")]
    assert ended == ["first", "elsewhere", "second", "third", "fourth"]


async def test_a_person_who_asks_too_fast_is_told_of_each_question_and_nobody_else_is_kept_waiting() -> None:
    told: list[tuple[str, str]] = []
    ended: list[str] = []

    async def send(question: str, sentence: str) -> str:
        told.append((question, sentence))
        return question

    crowd = crowds.Crowds(send, ended.extend)
    for question in ("first", "second", "third"):
        await crowd.refuse(1, question, "Too fast.", person=7)
    await crowd.refuse(1, "another's", "Too fast.", person=8)
    assert told == [("first", "Too fast."), ("another's", "Too fast.")]
    await crowd.leave("I leave.")
    assert told[2:] == [("third", "This is for your last 2 questions. I leave.")]
    assert ended == ["first", "another's", "second", "third"]
    await crowd.refuse(1, "fourth", "Too fast.", person=9)
    assert (told[3:], ended[4:]) == ([], ["fourth"])
