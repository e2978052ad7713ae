"""The figures of leads, grades, words in bold and controls."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import answer_of
from linernotes.measuring.cases import Case, read_cases
from linernotes.measuring.controls import auroc, controls_of, pair, question_alone, questions_alone, swap
from linernotes.measuring.figures import figures
from linernotes.measuring.judging import Outcome, judge, overlap
from linernotes.models import AskedWord, Candidate, Evidence, Sentence, Span, Unanswered

TWINS = Path(__file__).parent / "golden" / "twins"
ANSWERABLE = Case("1", "answerable", "Who?", ("Ada Stone",))
NEAR = Case("2", "near", "Who else?")
OFF = Case("3", "off", "Why is the sky blue?")
FIRST = Sentence("a.md", 1, 0, 23, "The harbour is made old")
SECOND = Sentence("a.md", 1, 24, 46, "Ada Stone is behind it")


def outcome(case: Case, **changed: object) -> Outcome:
    text = f"{FIRST.text} {SECOND.text}"
    return Outcome(case, answer_of(text, (FIRST, SECOND), **changed), 1.0)


def test_the_lead_is_judged_by_itself() -> None:
    found = figures([outcome(ANSWERABLE)]).measures
    assert found["right_before_refusing"].mean == 1
    assert found["lead_right"].mean == 0
    assert found["lead_characters"].mean == len(FIRST.text)


@pytest.mark.parametrize(("certainty", "verdict"), [("stated", "wrongly_answered"), ("near", "right")])
def test_a_near_miss_may_be_shown_as_near(certainty: str, verdict: str) -> None:
    asked = outcome(NEAR, certainty=certainty)
    assert judge(NEAR, asked.reply) == verdict
    found = figures([asked]).measures
    assert found["near_refused"].mean == 0
    assert found["near_withheld"].mean == (certainty == "near")


def test_what_is_off_topic_may_not_be_shown_at_all() -> None:
    assert judge(OFF, outcome(OFF, certainty="near").reply) == "wrongly_answered"
    assert judge(OFF, Unanswered("silent", None, "e")) == "right"


def test_right_answers_that_are_graded_near_are_counted() -> None:
    asked = [outcome(ANSWERABLE), outcome(ANSWERABLE, certainty="near"), outcome(NEAR, certainty="near")]
    assert figures(asked).measures["right_near"].mean == 0.5


def test_a_near_miss_that_is_shown_is_no_right_answer_to_the_calibration() -> None:
    found = figures([outcome(NEAR, certainty="near", confidence=0.9)])
    assert found.calibration_error == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("words", "f1"),
    [("Ada Stone", 1.0), ("the Ada Stone", 1.0), ("Ada", 2 / 3), ("Otto", 0.0), ("ada stone, herself", 0.8)],
)
def test_words_are_compared_with_the_gold_answer_as_squad_does(words: str, f1: float) -> None:
    assert overlap(words, ["Ada Stone", "nobody"]) == pytest.approx(f1)


def test_bold_is_measured_where_there_is_bold() -> None:
    bold = (Span("a.md", 24, 33, "Ada Stone"),)
    found = figures([outcome(ANSWERABLE, bold=bold), outcome(ANSWERABLE)]).measures
    assert (found["bold_f1"].mean, found["bold_share"].mean, found["bold_words"].mean) == (1.0, 0.5, 2.0)
    assert figures([outcome(ANSWERABLE)]).measures["bold_share"].of == 0


def test_answers_of_two_documents_are_counted() -> None:
    mixed = answer_of("x", (FIRST, replace(SECOND, document="b.md")))
    found = figures([Outcome(ANSWERABLE, mixed, 1.0), outcome(ANSWERABLE)]).measures
    assert found["two_documents"].mean == 0.5


# --- Controls ---------------------------------------------------------------------------------------------


def test_the_area_under_the_curve_is_the_chance_of_the_right_order() -> None:
    assert auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]).mean == pytest.approx(0.75)
    assert auroc([1, 1, 1, 1], [False, False, True, True]).mean == pytest.approx(0.5)
    assert auroc([1, 2], [True, True]).of == 0


def test_questions_that_give_themselves_away_are_seen() -> None:
    groups = [n // 2 % 4 for n in range(80)]
    telling = [f"does it say who {n}" if n % 2 else f"when was it {n}" for n in range(80)]
    alike = [f"when was it {n // 2}" for n in range(80)]
    answerable = [n % 2 == 0 for n in range(80)]
    assert (question_alone(telling, answerable, groups).mean or 0) > 0.95
    assert abs((question_alone(alike, answerable, groups).mean or 0) - 0.5) < 0.1
    assert (question_alone(telling, answerable, [0] * 80).mean or 0) > 0.95


def twins_of(forms: int) -> list[tuple[Case, int]]:
    """Return pairs of questions alike but for a word that says nothing, each answerable in one article."""
    return [
        (Case(f"{n}{half}", kind, f"who made part {n} {half}", ("x",), pair=f"twin-{n}"), (n + at) % 4)
        for n in range(forms)
        for at, (kind, half) in enumerate((("answerable", "ba"[n // 6 % 2]), ("near", "ab"[n // 6 % 2])))
    ]


def test_the_two_of_a_pair_are_held_out_together() -> None:
    asked = twins_of(48)
    by_article = question_alone(
        [case.question for case, _ in asked],
        [case.is_answerable for case, _ in asked],
        [article for _, article in asked],
    )
    found = questions_alone(asked)
    assert abs((found["question_alone"].mean or 0) - 0.5) < 0.1
    assert abs((by_article.mean or 0) - 0.5) > 0.3, "the form is seen with the other verdict"


def test_twins_and_others_have_a_control_of_their_own() -> None:
    asked = twins_of(24)
    telling = [
        (Case(f"t{n}", kind, f"{word} {n}", ("x",)), n // 4)
        for n in range(24)
        for kind, word in (("near", "who"), ("answerable", "when"))
    ]
    found = questions_alone([*asked, *telling])
    assert (found["question_alone_twins"].of, found["question_alone_others"].of) == (48, 48)
    assert (found["question_alone_others"].mean or 0) > 0.95
    assert questions_alone(telling)["question_alone_twins"].of == 0


def test_the_form_of_our_twins_does_not_give_them_away() -> None:
    """Of the golden twins the questions alone tell next to nothing: at most 0.60, where 0.5 is chance."""
    asked = [
        (case, number)
        for number, file in enumerate(sorted(TWINS.glob("*.jsonl")))
        for article in read_cases(file.read_bytes(), file.name)
        for case in article.cases
    ]
    assert Counter(Counter(case.pair for case, _ in asked).values()).keys() == {2}
    assert 0.4 <= (questions_alone(asked)["question_alone_twins"].mean or 0) <= 0.6


def test_evidence_of_another_question_is_near_to_no_word_of_this_one() -> None:
    def evidence(fit: float, stem: str) -> Evidence:
        candidate = Candidate(FIRST, 0, 1.0, {}, ((fit, fit),))
        return Evidence((candidate,), (0.5,), {"late": fit}, 9, (AskedWord(stem, 0.5, is_name=False),))

    found = swap(evidence(0.9, "harbour"), evidence(0.8, "lantern"))
    assert found.words[0].stem == "harbour"
    assert found.candidates[0].fits == ((0.0, 0.0),)
    assert found.peaks == {"late": 0.8}


def test_no_question_is_paired_with_itself_or_its_neighbour() -> None:
    assert pair([1, 2, 3, 4]) == [(1, 3), (2, 4), (3, 1), (4, 2)]


def test_controls_are_of_answerable_questions_and_near_misses() -> None:
    asked = [
        replace(outcome(case), strayed=strayed)
        for case, strayed in ((ANSWERABLE, 0.9), (NEAR, 0.2), (ANSWERABLE, 0.8), (OFF, 0.99))
    ]
    assert controls_of([asked])["other_passages"].mean == 1
