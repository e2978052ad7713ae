"""Questions, conversations and answers, without a model."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeEmbedder, FakeReader, answer_of
from linernotes.answering.answer import LENGTH, UNITS, choose
from linernotes.answering.aspects import lacks
from linernotes.answering.confidence import (
    ANSWERED,
    CONFIDENCE,
    FEATURES,
    NOTED,
    READ_ANSWERED,
    READ_CONFIDENCE,
    READ_RELEVANCE,
    RELEVANCE,
    Judge,
    Judgement,
    Logistic,
    find_features,
    judgement,
)
from linernotes.answering.conversation import is_follow_up, stand_alone
from linernotes.answering.language import is_foreign
from linernotes.answering.lead import find_lead
from linernotes.answering.question import plain, screen
from linernotes.answering.wanted import (
    denies,
    has,
    lacks_number,
    read,
    share_of_new,
)
from linernotes.answering.whole import may_be_on_whole
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.errors import EmptyIndexError, ForeignVectorsError
from linernotes.library.editions import EditionStore
from linernotes.models import (
    NOTES,
    Answer,
    Candidate,
    Embedding,
    Hit,
    Passage,
    Quote,
    Sentence,
    Turn,
    Unanswered,
)
from linernotes.retrieval.query import Query
from linernotes.retrieval.ranking import READ_SIGNALS, SIGNALS, read_weights, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Edition
    from linernotes.retrieval.index import Index


# --- The question -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("", "empty"),
        ("  \n\t", "empty"),
        ("🎵🎤", "empty"),
        ("?!...", "empty"),
        ("\u200b\u202e", "empty"),
        ("x" * 2_000, "too-long"),
        ("hey", "greeting"),
        ("Good morning everyone!", "greeting"),
        ("thanks so much bot", "greeting"),
        ("what are the lyrics", "lyrics"),
        ("lyrics please", "lyrics"),
        ("can you show me the full lyrics?", "lyrics"),
        ("sing the chorus", "lyrics"),
        ("can you rap it", "lyrics"),
        ("please sing me the hook", "lyrics"),
        ("where did she sing it again for the first time", None),
        ("did they ever rap it live?", None),
        ("did he write and sing it", None),
        ("whats 17 times 23", "silent"),
        ("square root of 144", "silent"),
        ("who wrote the lyrics?", None),
        ("Who wrote the words to the song?", None),
        ("why won't she give away the lyrics", None),
        ("what are the words to the song", "lyrics"),
        ("what are the lyrics about", None),
        ("were lyrics used as evidence in court", None),
        ("who is thanked on the sleeve", None),
        ("how many counts", None),
        ("does he rap about Atlanta", None),
    ],
)
def test_what_is_no_question_is_told_so(question: str, reason: str | None) -> None:
    assert screen(question, plain(question), 1_000) == reason


@pytest.mark.parametrize(
    "words",
    [
        "thank you ",
        "haha",
        "good morning ",
        "what about ",
        "lyrics ",
        "1+",
        "name ",
        "who is the ",
        "name of ",
    ],
)
def test_hostile_questions_take_no_longer(words: str) -> None:
    question = (words * 1_000)[:990] + " x"
    started = time.perf_counter()
    screen(question, plain(question), 1_000)
    may_be_on_whole(question, bool)
    lacks(question, question)
    wanted = read(question)
    has(wanted, question, is_name)
    assert time.perf_counter() - started < 1


def test_hidden_marks_and_chat_forms_are_written_out() -> None:
    assert plain("wat\u200b did\u202e u s\u0301\u0302\u0303ay") == "what did you \u015bay"
    assert plain("when did it drop") == "when did it released"
    assert plain("how far did the temperature drop") == "how far did the temperature drop"


@given(st.text(max_size=300))
def test_any_text_is_screened(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert screen(text, shown, 1_000) in {None, "empty", "greeting", "lyrics", "silent"}


@pytest.mark.parametrize(
    ("question", "text", "missing"),
    [
        ("who produced it?", "It was recorded in a barn.", True),
        ("who produced it?", "Ann Lee produced the song.", False),
        ("what year did it come out", "It came out in spring.", True),
        ("what year did it come out", "It came out in 1987.", False),
        ("how did he get into the charts", "It reached number 4.", False),
        ("did he get bail", "He was arrested in May.", True),
        ("who said that", "Somebody.", False),
    ],
)
def test_what_is_asked_for_is_sought_in_the_text(question: str, text: str, missing: bool) -> None:
    assert lacks(question, text) is missing


def is_name(word: str) -> bool:
    return word in {"ann", "lee", "constance"}


@pytest.mark.parametrize(
    ("question", "sentence", "there"),
    [
        ("how many boats sank", "Three boats sank.", True),
        ("how many of the 3 boats sank", "Of the 3 boats, most.", False),
        ("how much did it cost", "It cost him £9.", True),
        ("how much did it cost", "It cost him dear.", False),
        ("how old was he", "He was sixty then.", True),
        ("what year was that", "In 1987, perhaps.", True),
        ("what year was that", "In May, perhaps.", False),
        ("when was that", "It was in May.", True),
        ("who sang", "The song was sung by Ann.", True),
        ("who sang", "Ann sang.", True),
        ("who sang", "Loudly, and out of tune.", False),
        ("who taught Ann", "Ann was taught at home.", False),
        ("where is it", "It stands on a hill.", True),
        ("why did it end", "Because it rained.", True),
        ("why did it end", "It ended.", False),
        ("what is it", "Anything.", True),
    ],
)
def test_the_kind_of_words_asked_for_is_sought(question: str, sentence: str, there: bool) -> None:
    assert has(read(question), sentence, is_name) is there


def test_denials_numbers_and_new_words_are_seen() -> None:
    assert read("why didn't he go").denies
    assert not read("why did he go").denies
    assert denies("It never rained.")
    assert lacks_number("what happened in 1984", ["It was 1985."])
    assert not lacks_number("what happened in 1984", ["It was 1985.", "It was 1984."])
    assert not lacks_number("what happened then", ["It was 1985."])
    assert share_of_new("The boat sank.", read("which boat was it").stems) == 0.5


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_question_and_sentence_can_be_compared(question: str, sentence: str) -> None:
    wanted = read(question)
    assert has(wanted, sentence, is_name) in {True, False}


@pytest.mark.parametrize(
    ("question", "foreign"),
    [
        ("wer hat das Lied gemacht und warum", True),
        ("¿quién es el rapero que aparece en la canción?", True),
        ("что говорит певец", True),
        ("who is the rapper on the song", False),
        ("Thug?", False),
    ],
)
def test_another_language_is_told_from_the_corpus_own(question: str, foreign: bool) -> None:
    assert is_foreign(question, {"en"}, lambda stem: stem in {"rapper", "song"}) is foreign


# --- The conversation -------------------------------------------------------------------------------------


def turn(question: str, reply: Answer | Unanswered | None = None) -> Turn:
    return Turn(question, question, reply or Unanswered("silent", None, "e"))


@pytest.mark.parametrize(
    "question", ["why was he arrested?", "and when?", "how many counts?", "who else?", "what about Thug?"]
)
def test_follow_ups_are_known(question: str) -> None:
    assert is_follow_up(question)


def test_a_question_with_words_of_its_own_stands_alone() -> None:
    asked = stand_alone("Which county police made the indictment", [turn("Who is featured?")])
    assert (asked.text, asked.context) == ("Which county police made the indictment", 0)


def test_a_follow_up_leans_on_the_question_before() -> None:
    asked = stand_alone("why was he?", [turn("Who sings?")])
    assert asked.text[: asked.context].strip() == "Who sings?"
    assert asked.text[asked.context :] == "why was he?"


def test_a_follow_up_of_a_follow_up_leans_on_both() -> None:
    asked = stand_alone("and why?", [turn("Which rapper was arrested in May?"), turn("when was he?")])
    assert asked.text[: asked.context].strip() == "Which rapper was arrested in May? when was he?"


def test_a_follow_up_keeps_the_question_alone_and_where_the_last_was_answered() -> None:
    sentence = sentences_of(9)[0]
    hit = Hit(Passage("a", 1, 0, 9, sentence.text), (sentence,), 1.0)
    asked = stand_alone("why was he?", [turn("Who sings?", answer_of("x", (sentence,), (hit,)))])
    assert (asked.question, asked.answered) == ("why was he?", sentence)
    assert stand_alone("why was he?", [turn("Who sings?")]).answered is None


# --- The answer -------------------------------------------------------------------------------------------


def sentences_of(*lengths: int, tied: tuple[int, ...] = ()) -> tuple[Sentence, ...]:
    made, start = [], 0
    for number, length in enumerate(lengths):
        made.append(Sentence("a.md", 1, start, start + length, "x" * length, number in tied))
        start += length + 1
    return tuple(made)


def candidates_of(sentences: tuple[Sentence, ...], *order: int) -> list[Candidate]:
    return [Candidate(sentences[i], i, 10.0 - n, {}) for n, i in enumerate(order)]


class OnePassage:
    """A corpus of one passage."""

    def __init__(self, sentences: tuple[Sentence, ...]) -> None:
        self.sentences = sentences
        self.text = " ".join(sentence.text for sentence in sentences)

    def passage(self, document: str, number: int) -> Passage:
        return Passage(document, number, 0, len(self.text), self.text)

    def is_name(self, _: str) -> bool:
        return False

    def quotes_of(self, _: str) -> tuple[Quote, ...]:
        return ()


def chosen_of(sentences: tuple[Sentence, ...], *order: int, gain: float = 0.0) -> tuple[Sentence, ...]:
    lead = find_lead(order[0], OnePassage(sentences))
    return choose(lead, candidates_of(sentences, *order), sentences, gain)


def test_an_answer_is_its_lead_and_then_the_others_in_the_order_of_the_text() -> None:
    sentences = sentences_of(50, 50, 50, 50)
    assert chosen_of(sentences, 2, 3, 0) == (sentences[2], sentences[0], sentences[3])


def test_a_quotation_comes_with_the_line_that_introduces_it() -> None:
    sentences = sentences_of(50, 60, 70, 200, tied=(1, 2))
    assert chosen_of(sentences, 2) == sentences[:3]


def test_a_reply_too_long_to_be_shown_whole_gives_its_sentence() -> None:
    sentences = sentences_of(*[150] * 6, tied=(1, 2, 3, 4, 5))
    assert chosen_of(sentences, 3) == (sentences[3],)


def test_others_are_shown_only_where_they_make_it_likelier_by_enough() -> None:
    sentences = sentences_of(50, 50, 50)
    # The scores are 10, 9 and 8: of the probability, the second has a quarter and the third a tenth.
    assert chosen_of(sentences, 0, 1, 2, gain=0.2) == sentences[:2]
    assert chosen_of(sentences, 0, 1, 2, gain=0.5) == sentences[:1]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.randoms())
def test_an_answer_keeps_to_its_length(lengths: list[int], chance: object) -> None:
    sentences = sentences_of(*lengths)
    order = list(range(len(sentences)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    chosen = chosen_of(sentences, *order)
    assert sentences[order[0]] == chosen[0]
    assert len(chosen) <= UNITS
    assert len(chosen) == 1 or len(" ".join(each.text for each in chosen)) <= LENGTH


# --- The index and the engine -----------------------------------------------------------------------------


@pytest.fixture
def engine() -> Engine:
    return Engine(FakeEmbedder())


def edition_of(engine: Engine, *texts: str) -> Edition[Index]:
    documents = [read_document(text.encode(), f"{n}.md")[0] for n, text in enumerate(texts)]
    return EditionStore(None, engine.segments, engine.indexes).open_edition(documents)


def query(text: str) -> Query:
    return Query.of(text, FakeEmbedder().embed([text])[0])


def test_the_sentence_with_the_questions_words_comes_first(engine: Engine) -> None:
    edition = edition_of(
        engine, "The drummer lives in Oslo.\n\nThe singer keeps bees.\n\nNobody owns a piano."
    )
    best = edition.index.search(query("who keeps bees")).candidates[0]
    assert best.sentence.text == "The singer keeps bees."
    assert set(best.signals) == set(SIGNALS)


@pytest.mark.parametrize(("k", "found"), [(-1, 1), (0, 1), (2, 2), (10_000, 3)])
def test_k_is_clamped(engine: Engine, k: int, found: int) -> None:
    edition = edition_of(engine, "One bee.\n\nTwo bees.\n\nThree bees.")
    assert len(edition.index.search(query("bees"), k).candidates) == found


def test_an_empty_index_is_named(engine: Engine) -> None:
    with pytest.raises(EmptyIndexError):
        engine.indexes.build([]).search(query("bees"))


def test_vectors_of_another_model_are_named(engine: Engine) -> None:
    edition = edition_of(engine, "One bee.")
    strange = FakeEmbedder().embed(["bee"])[0]
    short = Embedding(strange.vector[:3], strange.tokens[:, :3], strange.offsets)
    with pytest.raises(ForeignVectorsError):
        edition.index.search(Query.of("bee", short))


def test_a_large_corpus_is_searched_by_candidates(engine: Engine) -> None:
    texts = [
        f"Paragraph {n} tells of place{n} and of what grew there in the year, at some length.\n\n"
        for n in range(150)
    ]
    edition = edition_of(engine, *(f"# Part {n}\n\n{text}" for n, text in enumerate(texts)))
    best = edition.index.search(query("what grew in place77")).candidates[0]
    assert "place77" in best.sentence.text


def test_a_slip_is_mended_and_a_word_is_not(engine: Engine) -> None:
    class Wordy(FakeEmbedder):
        def count_tokens(self, text: str) -> int:
            return 1 if text in {"bail", "yung", "album", "producer", "trapped", "rap", "vanish"} else 2

    wordy = Engine(Wordy())
    edition = edition_of(wordy, "He went to jail. Then Young Thug met Chappelle.")
    mend = wordy._spelt
    assert mend("did chapelle go to bail", edition.index) == "did chappelle go to bail"
    assert mend("yung thug", edition.index) == "young thug"
    # The corpus has neither, and the model knows both.
    assert mend("what albmu, and who is the prodcer", edition.index) == "what album, and who is the producer"
    assert mend("albmu " * 6, edition.index).split() == ["albmu"] * 2 + ["album"] * 4
    for unchanged in ("who rapped about varnish", "who is Prodcer"):
        assert mend(unchanged, edition.index) == unchanged


def test_the_weights_that_ship_fit_the_signals() -> None:
    assert weights().shape == (len(SIGNALS),)
    assert read_weights().shape == (len(READ_SIGNALS),)
    judge = judgement()
    for model, used in (
        (judge.relevance, RELEVANCE),
        (judge.read_relevance, READ_RELEVANCE),
        (judge.unread.answered, ANSWERED),
        (judge.unread.confidence, CONFIDENCE),
        (judge.first.answered, READ_ANSWERED),
        (judge.first.confidence, READ_CONFIDENCE),
        (judge.read.answered, READ_ANSWERED),
        (judge.read.confidence, READ_CONFIDENCE),
        (judge.notes.answered, NOTED),
    ):
        assert {name for name, weight in zip(FEATURES, model.weights, strict=True) if weight} <= set(used)
    assert 0 < judge.worth_reading <= judge.least_relevance < 1
    assert 0 < judge.least_read_relevance < 1
    for by in (judge.unread, judge.read, judge.notes):
        assert 0 < by.least <= by.stated < 1
        assert 0 < by.gain < 1


@pytest.mark.parametrize(
    ("earlier", "question", "asked", "other"),
    [
        ("wasps hum", "bees sing", "Bees sing.", "Wasps hum."),
        ("bees sing", "wasps hum", "Wasps hum.", "Bees sing."),
    ],
)
def test_words_of_an_earlier_question_weigh_less(
    engine: Engine, earlier: str, question: str, asked: str, other: str
) -> None:
    edition = edition_of(engine, "Wasps hum.\n\nBees sing.")
    text = f"{earlier} {question}"
    evidence = edition.index.search(Query.of(text, FakeEmbedder().embed([text])[0], context=len(earlier) + 1))
    late = {each.sentence.text: each.signals["late"] for each in evidence.candidates}
    assert late[asked] > late[other]


def test_a_follow_up_is_searched_for_alone_too_and_near_the_last_answer(engine: Engine) -> None:
    edition = edition_of(engine, "Wasps hum.\n\nOne.\n\nTwo.\n\nThree.\n\nBees sing.", "Four.")
    texts = ("wasps hum bees sing", "bees sing")
    whole, alone = FakeEmbedder().embed(texts)
    asked = Query.of(
        texts[0], whole, len("wasps hum "), Query.of(texts[1], alone), edition.index.sentences[4]
    )
    found = {each.sentence.text: each.signals for each in edition.index.search(asked).candidates}
    joined = Query.of(texts[0], whole, len("wasps hum "))
    before = {each.sentence.text: each.signals for each in edition.index.search(joined).candidates}
    assert found["Bees sing."]["late"] > before["Bees sing."]["late"]
    assert found["Wasps hum."]["late"] < before["Wasps hum."]["late"]
    # Not in another document, and not where nothing was answered.
    assert {text for text in found if found[text]["nearby"]} == {"Two.", "Three.", "Bees sing."}
    assert not any(signals["nearby"] for signals in before.values())


def test_what_the_judgement_sees_of_question_and_evidence(engine: Engine) -> None:
    edition = edition_of(engine, "The boat of Ann Lee sank in May.\n\nNobody knew why.")
    question = "why did the boat of Bob not sink in 1984?"
    evidence = edition.index.search(query(question))
    shown = ["The boat of Ann Lee sank in May."]
    found = dict(
        zip(FEATURES, find_features(question, evidence, shown, shown[0], edition.index), strict=True)
    )
    assert [found[name] for name in ("names", "names_missing", "names_missing_around", "names_unknown")] == [
        1
    ] * 4
    assert [found[name] for name in ("number_missing", "denies_alone")] == [1] * 2
    assert [found[name] for name in ("follows", "wordless", "words_lacking", "margin")] == [0] * 4
    # "Bob" and "1984"; the stem of "sink" is another than that of "sank".
    assert found["words_unknown"] == 3
    assert 0 < found["share"] < 1
    assert found["weakest_shown"] > 0


def certain(probability: float) -> Logistic:
    """A model that gives everything the same probability."""
    return Logistic(math.log(probability / (1 - probability)), tuple(0.0 for _ in FEATURES))


def judgement_of(
    judge: Judge, *, relevance: float = 0.5, read_relevance: float = 0.5, notes: Judge | None = None
) -> Judgement:
    """A judgement that lets 0.4 pass unread and 0.4 when one window has been read, and reads from 0.1 on."""
    read, by = certain(read_relevance), (judge, replace(judge), replace(judge), notes or replace(judge))
    return Judgement(certain(relevance), 0.4, 0.1, read, 0.4, *by, 0.9, 0.0)


@pytest.mark.parametrize(("answered", "grade"), [(0.1, "silent"), (0.3, "near"), (0.6, "stated")])
def test_an_answer_is_silent_near_or_stated_by_its_probability(answered: float, grade: str) -> None:
    judge = Judge(certain(answered), 0.2, 0.5, certain(0.5), 0.1)
    assert judge.grade(tuple(0.0 for _ in FEATURES)) == grade


def test_the_surer_the_first_reading_the_less_is_read() -> None:
    def is_enough(confidence: float, **features: float) -> bool:
        judge = Judge(certain(0.5), 0.2, 0.5, certain(confidence), 0.1)
        judgement = judgement_of(judge)
        return judgement.is_enough(tuple(features.get(name, 0.0) for name in FEATURES))

    assert not is_enough(0.8)
    assert is_enough(0.95)
    # What a question means that leans on another is found by reading more.
    assert not is_enough(0.95, follows=1.0)


@pytest.mark.parametrize(
    ("relevance", "read_relevance", "is_answered", "times_read"),
    [
        (0.5, 0.5, True, 2),  # the corpus speaks of it, and one window is not enough
        (0.2, 0.5, True, 2),  # only the reader sees that it does
        (0.5, 0.3, False, 1),  # the reader sees that it does not
        (0.05, 0.5, False, 0),  # so far off that nothing is read
    ],
)
def test_what_may_be_off_topic_is_read_before_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    relevance: float,
    read_relevance: float,
    is_answered: bool,
    times_read: int,
) -> None:
    judge = Judge(certain(0.6), 0.2, 0.5, certain(0.5), 0.1)
    made = judgement_of(judge, relevance=relevance, read_relevance=read_relevance)
    monkeypatch.setattr("linernotes.answering.answer.judgement", lambda: made)
    reader = FakeReader()
    engine = Engine(FakeEmbedder(), reader=reader)
    reply = engine.ask(edition_of(engine, "Wasps hum.\n\nBees sing."), "Do bees sing?").reply
    assert isinstance(reply, Answer) == is_answered
    assert len(reader.calls) == times_read


@pytest.mark.parametrize(("relevance", "is_answered"), [(0.5, True), (0.2, False)])
def test_without_a_reader_the_ranking_alone_says_what_is_off_topic(
    monkeypatch: pytest.MonkeyPatch,
    relevance: float,
    is_answered: bool,
) -> None:
    judge = Judge(certain(0.6), 0.2, 0.5, certain(0.5), 0.1)
    made = judgement_of(judge, relevance=relevance)
    monkeypatch.setattr("linernotes.answering.answer.judgement", lambda: made)
    engine = Engine(FakeEmbedder())
    reply = engine.ask(edition_of(engine, "Wasps hum.\n\nBees sing."), "Do bees sing?").reply
    assert isinstance(reply, Answer) == is_answered


@pytest.mark.parametrize(
    ("relevance", "noted", "certainty"),
    [
        (0.5, 0.6, "stated"),
        (0.5, 0.3, "near"),
        (0.05, 0.6, "stated"),  # it may share no word with the question that it answers
        (0.05, 0.3, None),
        (0.5, 0.1, None),
    ],
)
def test_a_moderators_note_is_judged_as_notes_are(
    monkeypatch: pytest.MonkeyPatch, relevance: float, noted: float, certainty: str | None
) -> None:
    judge = Judge(certain(0.6), 0.2, 0.5, certain(0.7), 0.1)
    notes = Judge(certain(noted), 0.2, 0.5, certain(noted), 0.1)
    made = judgement_of(judge, relevance=relevance, read_relevance=relevance, notes=notes)
    monkeypatch.setattr("linernotes.answering.answer.judgement", lambda: made)
    engine = Engine(FakeEmbedder(), reader=FakeReader())
    document = read_document(b"## Do bees sing?\n\nBees sing.\n", NOTES)[0]
    edition = EditionStore(None, engine.segments, engine.indexes).open_edition([document])
    reply = engine.ask(edition, "Do bees sing?").reply
    assert (reply.certainty if isinstance(reply, Answer) else None) == certainty
    if isinstance(reply, Answer):
        assert reply.confidence == pytest.approx(noted)


def test_a_sentence_that_the_corpus_no_longer_has_is_near_nothing(engine: Engine) -> None:
    edition = edition_of(engine, "Wasps hum.")
    gone = Sentence("0.md", 1, 0, 4, "Gone")
    embedding = FakeEmbedder().embed(["wasps"])[0]
    asked = Query.of("wasps", embedding, answered=gone)
    assert edition.index.search(asked).candidates[0].signals["nearby"] == 0


def test_quotations_are_ranked_without_embedding_them_again() -> None:
    class Counting(FakeEmbedder):
        asked = 0

        def embed(self, texts: Sequence[str]) -> list[Embedding]:
            self.asked += len(texts)
            return super().embed(texts)

    counting = Counting()
    told = Engine(counting)
    text = (
        'Ann Lee said: "I keep seven bees at home."\n\nBob Ray said: "The piano was always broken, always."'
    )
    edition = edition_of(told, text)
    before = counting.asked
    assert "piano" in told.quotes_about(edition, "the broken piano")[0].text
    assert counting.asked == before + 1
