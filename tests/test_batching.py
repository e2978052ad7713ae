"""The model's one worker: gathers questions, lets them pass a rebuild, and ends when it is told to."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fakes import FakeEmbedder
from linernotes.errors import ClosedError
from linernotes.retrieval import batching
from linernotes.retrieval.batching import BatchingEmbedder, idle_cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.models import Embedding

LONG = "a long passage " * 40


@pytest.fixture
def fake() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def shared(fake: FakeEmbedder) -> Iterator[BatchingEmbedder]:
    with BatchingEmbedder(fake) as embedder:
        yield embedder
        fake.gate.set()


def hold(fake: FakeEmbedder) -> None:
    """Let the next call of the model wait."""
    fake.entered.clear()
    fake.gate.clear()


def wait_until_queued(shared: BatchingEmbedder, questions: int = 0, builds: int = 0) -> None:
    end = time.monotonic() + 10
    while len(shared._questions) < questions or len(shared._builds) < builds:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_it_is_an_embedder_like_the_one_behind_it(shared: BatchingEmbedder, fake: FakeEmbedder) -> None:
    assert (shared.digest, shared.dimension, shared.max_tokens) == ("fake", fake.dimension, 200)
    assert shared.count_tokens("two words") == 2
    assert shared.embed([]) == []
    texts = [f"text {number} {LONG if number % 3 else ''}" for number in range(30)]
    for found, expected in zip(shared.embed(texts), fake.embed(texts), strict=True):
        assert np.array_equal(found.vector, expected.vector)
        assert np.array_equal(found.tokens, expected.tokens)


def test_questions_that_wait_share_a_pass(shared: BatchingEmbedder, fake: FakeEmbedder) -> None:
    with ThreadPoolExecutor(41) as pool:
        hold(fake)
        first = pool.submit(shared.embed, ["first"])
        assert fake.entered.wait(10)
        rest = [pool.submit(shared.embed, [f"question {number}"]) for number in range(40)]
        wait_until_queued(shared, questions=40)
        fake.gate.set()
        assert len(first.result()) == 1
        for number, each in enumerate(rest):
            assert np.array_equal(each.result()[0].vector, fake.embed([f"question {number}"])[0].vector)
    sizes = [len(call) for call in fake.calls[:3]]
    assert sizes == [1, batching.GATHER_TEXTS, 40 - batching.GATHER_TEXTS]


def test_a_long_question_is_not_padded_onto_short_ones(shared: BatchingEmbedder, fake: FakeEmbedder) -> None:
    with ThreadPoolExecutor(20) as pool:
        hold(fake)
        pool.submit(shared.embed, ["first"])
        assert fake.entered.wait(10)
        for number in range(12):
            pool.submit(shared.embed, [f"{'word ' * 190}{number}" if number % 2 else f"question {number}"])
        wait_until_queued(shared, questions=12)
        fake.gate.set()
    assert all(len(call) * max(map(len, call)) <= batching.GATHER_CHARS for call in fake.calls)
    assert len(fake.texts) == 13


def test_questions_pass_between_the_batches_of_a_rebuild(
    shared: BatchingEmbedder, fake: FakeEmbedder
) -> None:
    with ThreadPoolExecutor(2) as pool:
        hold(fake)
        build = pool.submit(shared.embed, [f"{number} {LONG}" for number in range(50)])
        assert fake.entered.wait(10)
        question = pool.submit(shared.embed, ["a question"])
        wait_until_queued(shared, questions=1)
        fake.gate.set()
        question.result()
        assert len(build.result()) == 50
    assert fake.calls.index(("a question",)) == 1
    builds = [call for call in fake.calls if call != ("a question",)]
    assert all(len(call) <= batching.BUILD_TEXTS for call in builds)
    assert all(len(call) == 1 or len(call) * max(map(len, call)) <= batching.BUILD_CHARS for call in builds)


def test_a_stream_of_questions_does_not_stop_a_rebuild(shared: BatchingEmbedder) -> None:
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            shared.embed(["again"])

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(keep_asking)
        assert len(shared.embed([LONG] * 20)) == 20
        done.set()


def test_an_error_reaches_its_caller_alone(shared: BatchingEmbedder, fake: FakeEmbedder) -> None:
    with ThreadPoolExecutor(4) as pool:
        hold(fake)
        pool.submit(shared.embed, ["first"])
        assert fake.entered.wait(10)
        good = [pool.submit(shared.embed, [f"good {number}"]) for number in range(2)]
        bad = pool.submit(shared.embed, ["poison"])
        wait_until_queued(shared, questions=3)
        fake.gate.set()
        assert [len(each.result()) for each in good] == [1, 1]
        with pytest.raises(ValueError, match="poison"):
            bad.result()
    with pytest.raises(ValueError, match="poison"):
        shared.embed([LONG, LONG, "poison", LONG])
    assert len(shared.embed(["still there"])) == 1


def test_closing_finishes_questions_and_cuts_a_rebuild_short(fake: FakeEmbedder) -> None:
    shared = BatchingEmbedder(fake)
    with ThreadPoolExecutor(4) as pool:
        hold(fake)
        build = pool.submit(shared.embed, [LONG] * 10)
        assert fake.entered.wait(10)
        question = pool.submit(shared.embed, ["a question"])
        wait_until_queued(shared, questions=1)
        closing = pool.submit(shared.close)
        while not shared._closed:
            time.sleep(0.001)
        fake.gate.set()
        assert len(question.result()) == 1
        with pytest.raises(ClosedError, match="before the corpus was embedded"):
            build.result()
        closing.result()
    with pytest.raises(ClosedError, match="has been closed"):
        shared.embed(["too late"])
    shared.close()
    assert not any(each.is_alive() for each in shared._threads)


def test_a_rebuild_goes_on_in_several_threads_and_is_the_same(fake: FakeEmbedder) -> None:
    """Each batch is taken once, its texts stay together, and each text gets its own embedding."""
    texts = [f"{LONG} number {number}" for number in range(60)]
    alone = FakeEmbedder()
    with BatchingEmbedder(alone) as one:
        expected = one.embed(texts)
    hold(fake)
    with BatchingEmbedder(fake, builders=2) as shared, ThreadPoolExecutor(1) as pool:
        rebuilt = pool.submit(shared.embed, texts)
        end = time.monotonic() + 10
        while len(fake.calls) < 3:
            assert time.monotonic() < end
            time.sleep(0.001)
        fake.gate.set()
        for found, wanted in zip(rebuilt.result(20), expected, strict=True):
            assert np.array_equal(found.vector, wanted.vector)
    assert sorted(fake.calls) == sorted(alone.calls)


def test_a_question_is_never_left_to_threads_that_rebuild(fake: FakeEmbedder) -> None:
    asked_in: list[str] = []
    embed = fake.embed

    def noting(texts: Sequence[str]) -> list[Embedding]:
        if "short" in texts[0]:
            asked_in.append(threading.current_thread().name)
        return embed(texts)

    fake.embed = noting  # type: ignore[method-assign]
    with BatchingEmbedder(fake, builders=2) as shared, ThreadPoolExecutor(1) as pool:
        rebuilt = pool.submit(shared.embed, [f"{LONG} {number}" for number in range(40)])
        for number in range(20):
            shared.embed([f"short {number}"])
        rebuilt.result(20)
    assert set(asked_in) == {"linernotes-embedder"}


def test_an_error_or_the_end_reaches_a_rebuild_of_several_threads_once(fake: FakeEmbedder) -> None:
    texts = [f"{LONG} {'poison' if number == 7 else number}" for number in range(40)]
    shared = BatchingEmbedder(fake, builders=2)
    with pytest.raises(ValueError, match="poison"):
        shared.embed(texts)
    assert len(shared.embed(texts[8:])) == 32
    hold(fake)
    with ThreadPoolExecutor(2) as pool:
        rebuilt = pool.submit(shared.embed, texts[8:])
        fake.entered.wait(10)
        closing = pool.submit(shared.close)
        while not shared._closed:
            time.sleep(0.001)
        fake.gate.set()
        closing.result(20)
        with pytest.raises(ClosedError):
            rebuilt.result(20)
    assert not shared._builds


def test_threads_that_rebuild_stand_back() -> None:
    if sys.platform != "linux":
        pytest.skip("threads have no priority of their own here")
    with ThreadPoolExecutor(1) as pool:
        before = os.getpriority(os.PRIO_PROCESS, 0)
        pool.submit(batching._stand_back).result()
        there = pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
        assert there == max(before, batching._NICENESS)
        assert os.getpriority(os.PRIO_PROCESS, 0) == before
    assert 0 <= idle_cores() <= 3
    assert idle_cores(0) == 0
