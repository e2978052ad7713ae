"""The reader: what it is given, what it makes of the logits, and the model itself, small and random."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fakes import FakeReader
from late import Late
from linernotes.errors import ClosedError, ModelError
from linernotes.measuring.training.onnx_file import to_onnx
from linernotes.models import Excerpt
from linernotes.reading import reader as reader_module
from linernotes.reading.queue import QueuedReader
from linernotes.reading.reader import LazyReader, OnnxReader
from linernotes.reading.spans import SPAN_TOKENS, find
from linernotes.reading.windows import encode, heading_of, load_tokenizer, pad, surround

if TYPE_CHECKING:
    from linernotes.measuring.training.network import ReaderNetwork
    from linernotes.models import Floats
    from linernotes.retrieval.encoder_graph import Rounding

torch = Late("torch")
networks = Late("linernotes.measuring.training.network")

EXCERPT = Excerpt(
    "The Harbour", ("It was cold.",), "Ada Stone built the wall in 1871.", ("It took her eleven winters.",)
)
QUESTION = "Who built the wall?"


# --- Windows ----------------------------------------------------------------------------------------------


def test_neighbours_are_taken_in_turn_while_they_fit() -> None:
    assert surround([5, 5, 5, 5, 5], 2, (0, 5), 19) == (1, 4)
    assert surround([5, 5, 5, 5, 5], 2, (0, 5), 24) == (0, 4)
    assert surround([5, 5, 5, 5, 5], 2, (0, 5), 25) == (0, 5)


def test_a_side_ends_at_the_first_sentence_that_does_not_fit() -> None:
    assert surround([1, 30, 5, 5, 1], 2, (0, 5), 20) == (2, 5)


def test_a_window_does_not_leave_its_bounds() -> None:
    assert surround([5, 5, 5, 5, 5], 2, (2, 4), 100) == (2, 4)


def test_a_long_sentence_stands_alone() -> None:
    assert surround([1, 100, 1], 1, (0, 3), 85) == (1, 2)


def test_a_window_has_question_heading_and_sentences_in_this_order() -> None:
    window = encode([7, 8], [9], [[10, 11], [12]])
    assert window.ids.tolist() == [101, 7, 8, 102, 9, 1012, 10, 11, 12, 102]
    assert window.kinds.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert window.sentences == ((6, 8), (8, 9))


def test_what_is_too_long_is_cut_off() -> None:
    window = encode([7] * 100, [8] * 100, [[9] * 400, [10] * 5])
    assert len(window.ids) == 256
    assert window.ids[-1] == 102
    begin, stop = window.sentences[1]
    assert begin == stop == 255


def test_padding_is_masked() -> None:
    ids, kinds, mask = pad([encode([7], [], [[8, 9]]), encode([7], [], [[8]])])
    assert ids.shape == kinds.shape == mask.shape == (2, 6)
    assert mask.sum(axis=1).tolist() == [6, 5]
    assert ids[1, 5] == 0


# --- Spans ------------------------------------------------------------------------------------------------


def logits_of(tokens: int, **peaks: tuple[int, float]) -> Floats:
    """Make logits of -5 but for the peaks: start, end and evidence, by token."""
    logits = np.full((tokens, 3), -5, np.float32)
    for name, (token, value) in peaks.items():
        logits[token, ("start", "end", "evidence").index(name)] = value
    return logits


def test_the_best_span_lies_within_the_sentence() -> None:
    found = find(logits_of(12, start=(9, 6.0), end=(10, 6.0)), [(3, 6), (6, 12)], 0)
    assert 3 <= found.first <= found.last < 6
    assert found.behind == pytest.approx(6 + 6 + 5 + 5)


def test_a_span_does_not_end_before_it_starts() -> None:
    found = find(logits_of(10, start=(8, 4.0), end=(4, 4.5)), [(3, 10)], 0)
    assert found.first <= found.last
    assert found.behind == 0


def test_a_span_has_no_more_tokens_than_answers_have() -> None:
    found = find(logits_of(80, start=(3, 9.0), end=(70, 9.0)), [(3, 80)], 0)
    assert found.last - found.first < SPAN_TOKENS


def test_the_margin_is_over_no_words_here() -> None:
    logits = logits_of(6, start=(3, 2.0), end=(4, 3.0))
    logits[0] = (1.0, 1.5, 0.25)
    found = find(logits, [(2, 6)], 0)
    assert (found.first, found.last) == (3, 4)
    assert found.margin == pytest.approx(2.0 + 3.0 - 2.5)
    assert found.answerable == pytest.approx(0.25)


def test_the_evidence_is_the_sum_over_the_sentence() -> None:
    logits = np.zeros((6, 3), np.float32)
    assert find(logits, [(2, 6)], 0).evidence == pytest.approx(np.log(4))


def test_the_sureness_is_the_share_of_the_best_span() -> None:
    # Three spans of two tokens, and none: all alike.
    found = find(np.zeros((4, 3), np.float32), [(2, 4)], 0)
    assert found.sureness == pytest.approx(np.log(1 / 4))


# --- The model --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> ReaderNetwork:
    torch.manual_seed(5)
    return networks.ReaderNetwork(width=96, sizes=[(12, 192)] * 2).eval()


def onnx_of(network: ReaderNetwork, *, rounding: Rounding = "columns") -> bytes:
    weights = {name: each.numpy() for name, each in network.state_dict().items()}
    return to_onnx(weights, heads=networks.HEADS, epsilon=networks.EPSILON, rounding=rounding)


@pytest.fixture(scope="module")
def small(network: ReaderNetwork) -> OnnxReader:
    return OnnxReader(onnx_of(network))


@pytest.mark.parametrize(("rounding", "most"), [("none", 1e-5), ("blocks", 0.05), ("columns", 0.05)])
def test_the_file_computes_what_the_network_does(
    network: ReaderNetwork, rounding: Rounding, most: float
) -> None:
    session = OnnxReader(onnx_of(network, rounding=rounding))._session
    ids, kinds, mask = pad([encode([2000, 2001], [], [[3000 + i] * 4, [400] * i]) for i in range(1, 6)])
    with torch.no_grad():
        expected = network(*map(torch.from_numpy, (ids, kinds, mask))).numpy()
    given = {"ids": ids, "kinds": kinds, "mask": mask}
    (found,) = session.run(None, {name: each.astype(np.int32) for name, each in given.items()})
    assert np.abs(found - expected)[mask].max() < most


def test_readings_point_at_words_of_the_sentence(small: OnnxReader) -> None:
    (found,) = small.read(QUESTION, [EXCERPT])
    assert 0 <= found.start < found.end <= len(EXCERPT.sentence)
    words = EXCERPT.sentence[found.start : found.end]
    assert words == words.strip()
    assert found.behind >= 0
    assert found.sureness <= 0


def test_readings_do_not_depend_on_what_is_read_with_them(small: OnnxReader) -> None:
    long = Excerpt("", (), "A much longer sentence " * 8, ())
    assert small.read(QUESTION, [long, EXCERPT])[1] == small.read(QUESTION, [EXCERPT])[0]


@pytest.fixture
def fresh(network: ReaderNetwork, monkeypatch: pytest.MonkeyPatch) -> tuple[OnnxReader, list[int]]:
    """A reader that remembers nothing yet, and how many windows each of its passes had."""
    rows: list[int] = []
    monkeypatch.setattr(reader_module, "pad", lambda windows: rows.append(len(windows)) or pad(windows))
    return OnnxReader(onnx_of(network)), rows


def test_equal_windows_are_read_once(fresh: tuple[OnnxReader, list[int]]) -> None:
    reader, rows = fresh
    after = Excerpt("The Harbour", (*EXCERPT.before, EXCERPT.sentence), EXCERPT.after[0], ())
    found = reader.read(QUESTION, [EXCERPT, after, EXCERPT])
    assert rows == [1]  # one window alone
    assert found[0] == found[2] != found[1]


def test_a_sentence_is_read_in_the_window_of_a_better_one(fresh: tuple[OnnxReader, list[int]]) -> None:
    reader, rows = fresh
    texts = [f"Sentence {number} of the harbour says what its wall was made of." for number in range(20)]
    places = [Excerpt("", tuple(texts[:at]), texts[at], tuple(texts[at + 1 :])) for at in range(20)]
    near, far = reader.read(QUESTION, [places[5], places[6], places[15]])[1:]
    assert rows == [1, 1]  # the sixth stands in the window of the fifth, the fifteenth does not
    assert near != reader.read(QUESTION, [places[6]])[0]
    assert far == reader.read(QUESTION, [places[15]])[0]
    # The same words under another heading are another sentence.
    reader.read(QUESTION, [places[5], Excerpt("Later", (texts[5],), texts[6], (texts[7],))])
    assert rows == [1] * 4


def test_so_many_windows_are_read_and_whatever_stands_in_them(fresh: tuple[OnnxReader, list[int]]) -> None:
    reader, rows = fresh
    texts = [f"Sentence {number} of the harbour says what its wall was made of." for number in range(20)]
    places = [Excerpt("", tuple(texts[:at]), texts[at], tuple(texts[at + 1 :])) for at in range(20)]
    asked = [places[5], places[15], places[6], places[0], places[14]]
    first, far, near, *rest = reader.read(QUESTION, asked, windows=1)
    assert rows == [1]
    assert first == reader.read(QUESTION, [places[5]])[0]
    assert near is not None
    assert far is None
    assert rest == [None, None]
    assert None not in (two := reader.read(QUESTION, asked, windows=2))[:3]
    assert two[:3:2] == [first, near]
    assert two[3] is None
    assert two[4] is not None
    assert rows == [1, 1]
    assert None not in reader.read(QUESTION, asked)


def test_windows_read_just_now_are_not_read_again(
    fresh: tuple[OnnxReader, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, rows = fresh
    monkeypatch.setattr(reader_module, "_RECENT", 2)
    first = reader.read(QUESTION, [EXCERPT])
    assert reader.read(QUESTION, [EXCERPT]) == first
    assert rows == [1]
    for question in ("Who paid for the wall?", "Who broke the wall?"):
        reader.read(question, [EXCERPT])
    assert reader.read(QUESTION, [EXCERPT]) == first
    assert rows == [1] * 4


def test_an_empty_sentence_has_no_words_that_answer(small: OnnxReader) -> None:
    (found,) = small.read(QUESTION, [Excerpt("", (), "", ())])
    assert (found.start, found.end) == (0, 0)
    assert found.margin < -10


def test_no_excerpts_give_no_readings(small: OnnxReader) -> None:
    assert small.read(QUESTION, []) == []


def test_far_neighbours_are_left_out(small: OnnxReader) -> None:
    many = tuple(f"Number {number} stands here." for number in range(1000))
    near = Excerpt("", many[-12:], EXCERPT.sentence, many[:12])
    assert small.read(QUESTION, [Excerpt("", many, EXCERPT.sentence, many)]) == small.read(QUESTION, [near])


def test_the_tokenizer_neither_pads_nor_cuts() -> None:
    short, long = load_tokenizer().encode_batch(["a", "word " * 900], add_special_tokens=False)
    assert (len(short.ids), len(long.ids)) == (1, 900)


def test_what_is_no_model_is_said_in_a_sentence() -> None:
    with pytest.raises(ModelError, match="The reader cannot be loaded"):
        OnnxReader(b"nothing of the kind")


@pytest.fixture(scope="module")
def packaged() -> OnnxReader:
    return OnnxReader()


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "words"),
    [("Who built the wall?", "Ada Stone"), ("when was the wall built", "1871")],
)
def test_the_packaged_reader_finds_the_words_that_answer(
    packaged: OnnxReader, question: str, words: str
) -> None:
    other = Excerpt("The Harbour", (EXCERPT.sentence,), EXCERPT.after[0], ())
    found, beside = packaged.read(question, [EXCERPT, other])
    assert EXCERPT.sentence[found.start : found.end] == words
    assert found.evidence > beside.evidence
    assert beside.behind > 0


@pytest.mark.model
def test_the_packaged_reader_tells_what_is_not_said(packaged: OnnxReader) -> None:
    said, unsaid = (packaged.read(each, [EXCERPT])[0] for each in (QUESTION, "Who painted the lanterns?"))
    assert said.margin > unsaid.margin
    assert said.answerable > unsaid.answerable


def test_other_weights_than_those_published_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "PACKAGED_READER_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"not those that were published: reader\.onnx has changed"):
        OnnxReader()


@pytest.mark.model
def test_the_packaged_reader_is_loaded_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = LazyReader()
    with monkeypatch.context() as patched:
        patched.setattr(reader_module, "PACKAGED_READER_SHA256", "0" * 64)
        with pytest.raises(ModelError):
            lazy.read(QUESTION, [EXCERPT])
    assert len(lazy.read(QUESTION, [EXCERPT])) == 1


# --- One worker -------------------------------------------------------------------------------------------


def wait_until_queued(shared: QueuedReader, jobs: int) -> None:
    end = time.monotonic() + 20
    while len(shared._jobs) < jobs:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_questions_are_read_in_the_order_in_which_they_came() -> None:
    fake = FakeReader()
    fake.gate.clear()
    with QueuedReader(fake) as shared, ThreadPoolExecutor(6) as pool:
        first = pool.submit(shared.read, "first", [EXCERPT])
        assert fake.entered.wait(20)
        rest = []
        for number in range(1, 5):
            rest.append(pool.submit(shared.read, f"wall {number}", [EXCERPT] * number))
            wait_until_queued(shared, number)
        fake.gate.set()
        assert len(first.result(20)) == 1
        assert [len(each.result(20)) for each in rest] == [1, 2, 3, 4]
    assert fake.calls == ["first", "wall 1", "wall 2", "wall 3", "wall 4"]


def test_a_question_that_cannot_be_read_costs_the_others_nothing() -> None:
    fake = FakeReader()
    fake.gate.clear()
    with QueuedReader(fake) as shared, ThreadPoolExecutor(3) as pool:
        pool.submit(shared.read, "first", [EXCERPT])
        assert fake.entered.wait(20)
        bad = pool.submit(shared.read, "poison", [EXCERPT])
        good = pool.submit(shared.read, QUESTION, [EXCERPT])
        wait_until_queued(shared, 2)
        fake.gate.set()
        assert good.result(20) == fake.read(QUESTION, [EXCERPT])
        with pytest.raises(ValueError, match="poison"):
            bad.result(20)


def test_nothing_is_asked_of_the_model_where_there_is_nothing_to_read() -> None:
    fake = FakeReader()
    with QueuedReader(fake) as shared:
        assert shared.read(QUESTION, []) == []
    assert fake.calls == []


def test_what_waits_is_read_before_it_ends() -> None:
    fake = FakeReader()
    fake.gate.clear()
    shared = QueuedReader(fake)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(shared.read, "first", [EXCERPT])
        assert fake.entered.wait(20)
        last = pool.submit(shared.read, QUESTION, [EXCERPT])
        wait_until_queued(shared, 1)
        closing = threading.Thread(target=shared.close)
        closing.start()
        fake.gate.set()
        closing.join(20)
        assert last.result(20) == fake.read(QUESTION, [EXCERPT])


def test_a_closed_reader_says_so() -> None:
    shared = QueuedReader(FakeReader())
    shared.close()
    shared.close()
    with pytest.raises(ClosedError):
        shared.read(QUESTION, [EXCERPT])


def test_above_a_window_stands_whom_the_song_is_by_where_there_is_room() -> None:
    assert heading_of("RUN", None, "Killer Mike") == "RUN by Killer Mike"
    assert heading_of("RUN", "RUN > Reception", "Killer Mike") == "RUN by Killer Mike: Reception"
    assert heading_of(None, "Reception", "Killer Mike") == "Reception"
    assert heading_of("RUN", "Reception", "one of many " * 9) == "RUN: Reception"
