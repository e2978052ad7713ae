"""Questions with known answers: what is read, how it is judged, and the figures that come of it."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from fakes import LANTERNS, OTHER_QUESTION, FakeEmbedder, answer_of
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.errors import QuestionFileError
from linernotes.library.editions import EditionStore
from linernotes.measuring.cases import OFF_TOPIC, Article, Case, Expected, Kind, read_cases, read_expected
from linernotes.measuring.figures import calibration, calibration_by_chance, figures, reliability, share
from linernotes.measuring.judging import Outcome, judge, mark_quotations
from linernotes.measuring.report import as_json, as_json_of, as_tables
from linernotes.models import Answer, Hit, Passage, Quote, Unanswered
from linernotes.shell.batch import Asked, read_batch
from linernotes.words import holds

if TYPE_CHECKING:
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

# --- Parts ------------------------------------------------------------------------------------------------


def hit(text: str) -> Hit:
    return Hit(Passage("a.md", 1, 0, len(text), text), (), 1.0)


def answer(text: str, confidence: float = 0.5, passage: str | None = None) -> Answer:
    return answer_of(text, (), (hit(passage or text),), confidence=confidence)


def silent(nearest: str | None = None) -> Unanswered:
    return Unanswered("silent", None if nearest is None else hit(nearest), "edition")


def quote(text: str, speaker: str | None) -> Quote:
    return Quote(((0, len(text)),), text, speaker, None, "a.md")


def shown(found: dict[str, Any], width: int) -> list[str]:
    """Return the lines of the tables on a terminal of this width."""
    out = io.StringIO()
    Console(file=out, width=width).print(as_tables(found, width))
    return out.getvalue().splitlines()


def case(kind: Kind = "answerable", *gold: str) -> Case:
    return Case("1", kind, "Who?", gold)


def lines(*rows: Any) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def squad(*articles: tuple[str, int, int]) -> bytes:
    """Return a SQuAD file: title, answerable and impossible questions of each article."""
    return json.dumps(
        {
            "version": "v2.0",
            "data": [
                {
                    "title": title,
                    "paragraphs": [
                        {
                            "context": f"First {title}.",
                            "qas": [
                                {
                                    "id": f"{title} {number}",
                                    "question": f"{title}, question {number}?",
                                    "answers": [{"text": "First", "answer_start": 0}] * 2,
                                    "is_impossible": False,
                                }
                                for number in range(answerable)
                            ],
                        },
                        {
                            "context": f"Second {title}.",
                            "qas": [
                                {
                                    "id": f"{title} no {number}",
                                    "question": f"{title}, trap {number}?",
                                    "answers": [],
                                    "plausible_answers": [{"text": "Second", "answer_start": 0}],
                                    "is_impossible": True,
                                }
                                for number in range(impossible)
                            ],
                        },
                    ],
                }
                for title, answerable, impossible in articles
            ],
        }
    ).encode()


# --- Reading ----------------------------------------------------------------------------------------------


def test_our_lines_are_read() -> None:
    data = b"\xef\xbb\xbf" + lines(
        {"id": "a", "kind": "answerable", "question": "Who?", "gold": ["Mike", "Killer Mike"], "note": 1},
        "",
        {"kind": "followup", "question": "Why?", "gold": ["so"], "history": ["Who?"]},
        {"kind": "off", "question": "2 + 2?"},
    )
    (article,) = read_cases(data, "q.jsonl")
    assert article == Article(
        "q.jsonl",
        None,
        (
            Case("a", "answerable", "Who?", ("Mike", "Killer Mike")),
            Case("3", "followup", "Why?", ("so",), ("Who?",)),
            Case("4", "off", "2 + 2?"),
        ),
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "q: holds no question."),
        (lines({"kind": "odd", "question": "?"}), 'q, line 1: the "kind" is none of'),
        (lines("", {"kind": "near"}), 'q, line 2: has no "question"'),
        (lines({"kind": "answerable", "question": "?"}), 'q, line 1: has no "gold" answer.'),
        (lines({"kind": "answerable", "question": "?", "gold": [" "]}), 'has no "gold" answer.'),
        (lines({"kind": "answerable", "question": "?", "gold": "x"}), 'the "gold" is not a list of strings.'),
        (lines({"kind": "near", "question": "?", "history": [1]}), 'the "history" is not a list of strings.'),
        (lines({"kind": "near", "question": "?"}, "[]"), "q, line 2: is not a JSON object."),
        (lines({"kind": "near", "question": "?"}, "{"), "q, line 2: is not JSON (Expecting"),
        (b'{"kind": "near", "question": "caf\xe9"}', "q, line 1: byte 34 of the line is not UTF-8."),
        (b'{"data": []}', "holds no question."),
        (b'{"data": [1]}', "article 1 is not in SQuAD 2.0's format"),
        (
            b'{"data": [{"paragraphs": [{"context": "x", "qas": [{"question": "?"}]}]}]}',
            "article 1 is not in",
        ),
        (b'{"data": [{"paragraphs": [{"context": "x"}]}]}', "article 1 is not in SQuAD"),
    ],
)
def test_a_bad_file_is_named_with_its_line(data: bytes, sentence: str) -> None:
    with pytest.raises(QuestionFileError) as raised:
        read_cases(data, "q")
    assert sentence in str(raised.value)


def test_an_article_of_squad_is_a_corpus_with_near_misses() -> None:
    (article,) = read_cases(squad(("Normans", 1, 1)), "squad.json")
    assert article == Article(
        "Normans",
        "First Normans.\n\nSecond Normans.",
        (
            Case("Normans 0", "answerable", "Normans, question 0?", ("First",)),
            Case("Normans no 0", "near", "Normans, trap 0?"),
        ),
    )


def test_other_articles_give_the_off_topic_questions() -> None:
    data = squad(("A", 300, 100), ("B", 500, 10), ("C", 2, 2))
    articles = read_cases(data, "squad.json")
    assert articles == read_cases(data, "squad.json")
    assert sum(each.kind == "off" for article in articles for each in article.cases) >= OFF_TOPIC
    for article in articles:
        strangers = [each.question for each in article.cases if each.kind == "off"]
        assert len(strangers) == len(set(strangers)) == 200
        assert not any(question.startswith(f"{article.title},") for question in strangers)
    few = read_cases(squad(("A", 1, 1), ("B", 2, 0)), "squad.json")
    assert [sum(each.kind == "off" for each in article.cases) for article in few] == [2, 2]


def test_expected_quotations_are_told_from_questions() -> None:
    quotations = lines(
        "",
        {"file": "a.md", "text": "We ran.", "speaker": None},
        {"file": "a.md", "text": "Far.", "speaker": "Ana"},
    )
    assert read_expected(quotations, "q") == (
        Expected("a.md", "We ran.", None),
        Expected("a.md", "Far.", "Ana"),
    )
    assert read_expected(lines({"kind": "off", "question": "?", "file": "a.md"}), "q") is None
    assert read_expected(squad(("A", 1, 1)), "q") is None
    assert read_expected(b"", "q") is None


def test_a_bad_quotation_is_named_with_its_line() -> None:
    with pytest.raises(QuestionFileError, match=r'^q, line 2: has no "text"'):
        read_expected(lines({"file": "a.md", "text": "We ran."}, {"file": "a.md"}), "q")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ('{"question": 1}', 'has no "question" that is a string.'),
        ('{"id": 1}', 'has no "question" that is a string.'),
        ('{"question": "?", "history": "x"}', 'the "history" is not a list of strings.'),
        ('{"question": "?", "history": [null]}', 'the "history" is not a list of strings.'),
        ('{"question": "?", "id": {}}', 'the "id" is not a string'),
        ('{"question": "?", "id": [1]}', 'the "id" is not a string'),
        ('{"question": "?", "id": 1e999}', 'the "id" is not a string'),
        ('{"question": "?", "id": NaN}', "is not JSON that can be read (NaN is no JSON)."),
        ('"question"', "is not a JSON object."),
        ("Who?", "is not JSON (Expecting value, column 1)."),
        ("[" * 100_000, "is not JSON that can be read"),
        (f'{{"question": "?", "id": {"9" * 5_000}}}', "is not JSON that can be read"),
    ],
)
def test_a_bad_batch_line_is_named(row: str, sentence: str) -> None:
    with pytest.raises(QuestionFileError) as raised:
        read_batch(f'{{"question": "fine"}}\r\n\r\n{row}\n'.encode(), "batch")
    assert str(raised.value).startswith("batch, line 3: ")
    assert sentence in str(raised.value)


def test_a_batch_keeps_any_scalar_id() -> None:
    ids = ["a", "", 7, -1.5, True, None]
    data = b"\xef\xbb\xbf" + lines(*({"id": key, "question": "?"} for key in ids), {"question": "\u2028"})
    *with_ids, last = read_batch(data, "batch")
    assert [dict(asked.key) for asked in with_ids] == [{"id": key} for key in ids]
    assert last == Asked("\u2028")


# --- Judging ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        ("Crispus Attucks died.", "crispus attucks", True),
        ("It was “Crispus… (Attucks)”!", "Crispus Attucks", True),
        ("part of a 56-count indictment", "56-count", True),
        ("part of a 56-count indictment", "56 count", True),
        ("rerun", "run", False),
        ("He was born in 1770.", "770", False),
        ("CAFÉ", "café", True),
        ("Straße", "STRASSE", True),
        ("anything", "…", False),
        ("anything … at all", "…", False),
        ("", "x", False),
    ],
)
def test_gold_is_compared_word_for_word(text: str, gold: str, expected: bool) -> None:
    assert holds(text, [gold]) is expected
    assert holds(text, ["never there", gold]) is expected


def test_verdicts() -> None:
    assert judge(case("answerable", "Mike"), answer("It was Mike.")) == "right"
    assert judge(case("followup", "Mike"), answer("It was Thug.")) == "wrong"
    assert judge(case("answerable", "Mike"), silent()) == "wrongly_refused"
    assert judge(case("near"), silent()) == "right"
    assert judge(case("off"), answer("It was Mike.")) == "wrongly_answered"


def test_a_quotation_is_right_when_its_speaker_is() -> None:
    expected = [Expected("a.md", text, "Ana") for text in ("We ran.", "Far.", "Lost.")]
    found = [quote("Far.", None), quote("We ran.", "Ana"), quote("Nobody expects this.", "Ana")]
    assert mark_quotations(expected, found) == (True, False, None)


# --- Before refusing --------------------------------------------------------------------------------------


@pytest.fixture
def lanterns() -> tuple[Engine, Edition[Index]]:
    engine = Engine(FakeEmbedder())
    document = read_document(LANTERNS.encode(), "lanterns.md")[0]
    return engine, EditionStore(None, engine.segments, engine.indexes).open_edition([document])


@pytest.mark.parametrize(
    "question", ["zxqv blorp?", "hello", "2 + 2", "lyrics please", "a" * 2_000], ids=lambda text: text[:9]
)
def test_whatever_is_refused_has_an_answer_before_refusing(
    lanterns: tuple[Engine, Edition[Index]], question: str
) -> None:
    engine, edition = lanterns
    assert isinstance(engine.ask(edition, question).reply, Unanswered)
    reply = engine.ask(edition, question, refuse=False).reply
    assert isinstance(reply, Answer)
    assert reply.text


def test_what_has_no_word_has_no_answer_before_refusing(lanterns: tuple[Engine, Edition[Index]]) -> None:
    engine, edition = lanterns
    assert engine.ask(edition, "?!", refuse=False) == engine.ask(edition, "?!")


def test_an_answer_is_the_same_before_and_after_refusing(lanterns: tuple[Engine, Edition[Index]]) -> None:
    engine, edition = lanterns
    after = engine.ask(edition, OTHER_QUESTION)
    assert isinstance(after.reply, Answer)
    assert engine.ask(edition, OTHER_QUESTION, refuse=False) == after


# --- Figures ----------------------------------------------------------------------------------------------


def test_figures_of_a_small_evaluation() -> None:
    found = figures(
        [
            Outcome(case("answerable", "Mike"), answer("It was Mike.", 0.9), 1),
            Outcome(case("answerable", "Mike"), answer("It was Thug.", 0.6, "Thug and Mike."), 2),
            Outcome(case("answerable", "Mike"), silent("Mike again."), 3),
            Outcome(case("followup", "Mike"), silent(), 4),
            Outcome(case("near"), silent("Thug."), 5),
            Outcome(case("near"), answer("Mike.", 0.2), 9),
            Outcome(case("off"), silent(), 4),
        ]
    )
    result = as_json(found)
    json.dumps(result, allow_nan=False)
    assert result["questions"] == 7
    assert result["total"] == {"right": 3, "wrong": 1, "wrongly_refused": 2, "wrongly_answered": 1}
    kinds = result["kinds"]
    assert kinds["answerable"]["asked"] == 3
    assert kinds["answerable"]["right"] == kinds["answerable"]["wrong"] == 1
    assert kinds["answerable"]["wrongly_refused"] == 1
    assert kinds["answerable"]["rate"] == pytest.approx(1 / 3, abs=1e-4)
    assert kinds["near"] == {
        "asked": 2,
        "right": 1,
        "wrong": 0,
        "wrongly_refused": 0,
        "wrongly_answered": 1,
        "rate": 0.5,
        "interval": [0.0, 1.0],
    }
    assert kinds["off"]["interval"] == [1.0, 1.0]
    assert result["passage_at_1"]["rate"] == 0.75
    assert result["answer_characters"]["mean"] == pytest.approx((12 + 12 + 5) / 3, abs=0.1)
    assert result["milliseconds"] == {"mean": 4.0, "median": 4.0}
    # Near misses that were answered are wrong answers, whatever they say.
    assert [(row["confidence"], row["right"]) for row in result["calibration"]["bins"]] == [
        (0.2, 0.0),
        (0.6, 0.0),
        (0.9, 1.0),
    ]
    assert result["calibration"]["error"] == pytest.approx((0.2 + 0.6 + 0.1) / 3, abs=1e-4)
    assert [row["verdict"] for row in result["misses"]] == [
        "wrong",
        "wrongly_refused",
        "wrongly_refused",
        "wrongly_answered",
    ]


def test_an_evaluation_without_an_answer_has_no_figures_to_invent() -> None:
    result = as_json(figures([Outcome(case("off"), silent(), 1)]))
    assert result["passage_at_1"] == {"rate": None, "interval": [None, None]}
    assert result["answer_characters"]["mean"] is None
    assert result["calibration"] == {"error": None, "bins": []}
    assert as_json(figures([]))["milliseconds"] is None


def test_intervals_are_as_wide_as_the_sample_is_small() -> None:
    few, many = share([1.0, 0.0] * 10), share([1.0, 0.0] * 1_000)
    assert few == share([1.0, 0.0] * 10)
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert few.low < many.low < 0.5
    # Near the interval that theory gives: 0.5 ± 1.96 * 0.5 / sqrt(20).
    assert few.low == pytest.approx(0.28, abs=0.06)
    assert few.high == pytest.approx(0.72, abs=0.06)


def test_ten_bins_of_equal_mass() -> None:
    bins = reliability([(number / 105, number % 2 == 0) for number in reversed(range(105))])
    assert [each.answers for each in bins] == [11] * 5 + [10] * 5
    assert bins[0].low == 0
    assert all(before.high < after.low for before, after in pairwise(bins))
    assert reliability([]) == ()


def test_an_answer_that_is_withheld_counts_before_refusing_alone() -> None:
    found = figures(
        [
            Outcome(case("answerable", "Mike"), silent(), 1, answer("It was Mike.")),
            Outcome(case("answerable", "Mike"), silent(), 1, answer("It was Killer Mike or Thug.")),
            Outcome(case("answerable", "Mike"), silent(), 1, answer("Thug.")),
            Outcome(case("answerable", "Mike"), answer("Mike."), 1),
            Outcome(case("followup", "Mike"), silent(), 1, answer("Mike.")),
        ]
    )
    assert found.measures["right_before_refusing"].mean == 0.75
    assert found.measures["characters_before_refusing"].mean == (12 + 27 + 5 + 5) / 4
    assert found.measures["right"].mean == 0.25
    assert found.measures["answerable_refused"].mean == 0.75
    assert found.measures["followup_right"].mean == 0
    # What is shown is counted as it was.
    assert found.characters.mean == 5
    assert found.bins[0].answers == 1


def test_quotations_have_figures_of_their_own() -> None:
    measures = figures([], [True, True, False, None]).measures
    assert measures["quotations_found"].mean == 0.75
    assert measures["speakers_right"].mean == pytest.approx(2 / 3)
    assert measures["right"].of == 0


def test_the_calibration_error_is_that_of_the_bins() -> None:
    answers = [(number / 105, number % 3 == 0) for number in range(105)]
    bins = reliability(answers)
    expected = sum(each.answers * abs(each.confidence - each.right) for each in bins) / len(answers)
    assert calibration(answers).mean == pytest.approx(expected)
    assert calibration(reversed(answers)) == calibration(answers)


def test_the_interval_of_a_calibration_error_holds_the_true_one() -> None:
    # Half of the answers are right and all say 0.7: the true error is 0.2.
    error = calibration([(0.7 + number / 1e6, number % 2 == 0) for number in range(200)])
    assert error.low is not None
    assert error.high is not None
    assert 0.1 < error.low < 0.2 < error.high < 0.3


def test_true_confidences_have_an_error_by_chance_that_more_answers_make_less() -> None:
    few, many = calibration_by_chance([0.5] * 50), calibration_by_chance([0.5] * 5_000)
    assert few.mean is not None
    assert many.mean is not None
    assert few.mean > 0.1 > many.mean > 0
    assert calibration_by_chance([1.0] * 50).mean == 0
    assert calibration_by_chance([]).mean is None


def test_every_measure_is_in_the_json_with_its_interval() -> None:
    measures = as_json(figures([Outcome(case("off"), silent(), 4)]))["measures"]
    assert measures["off_refused"] == {"of": 1, "mean": 1.0, "interval": [1.0, 1.0]}
    assert measures["milliseconds"] == {"of": 1, "mean": 4.0, "interval": [4.0, 4.0]}
    assert measures["near_refused"] == {"of": 0, "mean": None, "interval": [None, None]}


def test_several_sets_add_to_the_json_of_all_questions() -> None:
    one = figures([Outcome(case("off"), silent(), 1)])
    both = figures([Outcome(case("off"), silent(), 1), Outcome(case("near"), silent(), 1)])
    result = as_json_of({"one": one, "all": both}, {"one": {"file": "one.jsonl"}})
    assert {key: value for key, value in result.items() if key != "sets"} == as_json(both)
    assert result["sets"] == [{"file": "one.jsonl", **as_json(one)}]


OUTCOMES = [
    Outcome(case("answerable", "Mike"), answer("It was Mike.", 0.9), 1),
    Outcome(case("off"), silent(), 1),
]


@pytest.mark.parametrize("width", [60, 100, 120])
def test_tables_fit_a_terminal(width: int) -> None:
    printed = shown({"run": figures(OUTCOMES)}, width)
    assert max(map(len, printed)) <= width
    assert any(line.startswith("expected calibration error") and "0.100 (0.100" in line for line in printed)
    assert any("12 (12\u201312)" in line for line in printed)
    assert any("mean confidence" in line for line in printed)
    assert shown({"run": figures([])}, width)


def test_what_was_not_asked_has_no_row() -> None:
    assert not any("near misses" in line for line in shown({"run": figures(OUTCOMES)}, 100))


@pytest.mark.parametrize(("width", "tables"), [(100, 1), (60, 2)])
def test_six_sets_and_all_of_them_are_columns_of_one_table_in_100_characters(width: int, tables: int) -> None:
    names = ["run", "song", "harbour", "interview", "lighthouse", "heist", "all"]
    printed = shown(dict.fromkeys(names, figures(OUTCOMES)), width)
    headings = [line for line in printed if line.startswith("95% intervals")]
    assert len(headings) == tables
    assert " ".join(headings).split()[3:] == names or tables > 1
    assert not any("\u2026" in line for line in printed)
