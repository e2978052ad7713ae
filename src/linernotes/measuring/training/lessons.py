"""Questions -> the windows that the reader learns from, drawn anew for every pass from a seed.

A question becomes lessons: windows that compete, one that holds the answer and often one from elsewhere in
the article that shares the question's words. Some hold no answer: those of questions that SQuAD 2.0 calls
impossible, of questions of which something was changed, and those whose answering sentence was taken out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from linernotes.measuring.training.lexical import rank
from linernotes.measuring.training.wording import Stock, change, leave_unnamed, refer_back, type_as_members
from linernotes.reading.windows import WINDOW_WORDS, Window, encode, surround

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.measuring.training.squad import Article, Question

# So many sentences that share a question's words are kept, of so many that are looked at.
_HARD = 6
_LOOKED_AT = 30
# How many words a window may have, and how often: short ones cost less, and some sentences stand alone.
_WINDOWS = ((0, 8), (30, 12), (45, 20), (60, 30), (WINDOW_WORDS, 30))
# How often; each was set once, before the first run, and not tried otherwise. Where the files have headings,
# the windows have them as often as when members ask.
_HEADED = 0.55
_HEADED_OF_HEADINGS = 0.9
_CHANGED = 0.12
_TAKEN_OUT = 0.08
_UNNAMED = 0.15
# A question comes second in a conversation so often: after one of the same paragraph, or of anywhere in the
# article; with that one's answer, if it has one; and, if one of so many names something that this one names,
# after that one, with a pronoun for the name.
_SECOND = 0.22
_AFTER_ITS_LIKE = 0.7
_WITH_ANSWER = 0.6
# Of a question without an answer, the sentence that looks like one stands in the middle so often.
_LURED = 0.6
_REFERS, _LOOKED_AT_TO_REFER = 0.65, 40
_OFF_CENTRE = 0.2
_WITHIN_PARAGRAPH = 0.8
_ANOTHER = 0.5
_ANOTHER_BESIDE_NONE = 0.2
_HARDEST = 0.7
_ASKED_BEFORE = 0.04
_IMPOSSIBLE_WITHIN = 0.8
# An answer of fewer letters is found in many sentences by chance.
_TELLING = 3
# Questions of SQuAD 2.0's articles are few and teach most: they come so often in a pass.
_OF_IMPOSSIBLE, _BESIDE_IMPOSSIBLE = 3, 2
# Those about articles with headings are asked as members ask, and are fewer still: they come once more.
_AS_MEMBERS = 1
# So many lessons are sorted by length together.
_POOL = 4_096


@dataclass(frozen=True, slots=True)
class Lesson:
    """A window, and what is to be found there.

    ``gold`` is the sentence of the window that answers, ``first`` and ``last`` the answer's tokens, 0 where
    none does. ``doubtful`` are sentences that may answer too, and are held against nobody.
    """

    window: Window
    gold: int | None
    first: int
    last: int
    doubtful: frozenset[int]


class _Text(NamedTuple):
    """A text's tokens, and where in the text each of them lies."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class _Asked(NamedTuple):
    """A question as it is put now: its tokens, those of what it leans on, whether its windows have headings.

    ``words`` is how many words a window may have.
    """

    question: Question
    ids: list[int]
    earlier: list[int]
    headed: bool
    words: int


class Lessons:
    """The lessons of a set of questions."""

    def __init__(self, articles: Sequence[Article], questions: Sequence[Question], tokenizer: Any) -> None:
        """Tokenize all texts, and find for each question the sentences elsewhere that share its words."""
        self._articles, self._questions, self._tokenizer = articles, questions, tokenizer
        self._stock = Stock.of(articles, questions)
        self._sentences = [self._encode_all(each.sentences) for each in articles]
        self._headings = [
            [each.ids for each in self._encode_all(article.headings or (article.title,))]
            for article in articles
        ]
        self._hard = self._find_hard()
        self._asked: dict[tuple[int, int | None], list[int]] = {}
        for number, each in enumerate(questions):
            for paragraph in (each.paragraph, None):
                self._asked.setdefault((each.article, paragraph), []).append(number)
        beside = {each.article for each in questions if each.gold is None}
        self._pass = [
            number
            for number, each in enumerate(questions)
            for _ in range(
                (_OF_IMPOSSIBLE if each.gold is None else _BESIDE_IMPOSSIBLE if each.article in beside else 1)
                + (_AS_MEMBERS if articles[each.article].headings else 0)
            )
        ]

    @property
    def pools(self) -> int:
        """Return how many pools make one pass over all questions."""
        return max(len(self._pass) // _POOL, 1)

    def batches(self, seed: int, pool: int, tokens: int) -> Iterator[list[list[Lesson]]]:
        """Yield the lessons of a pool, by question, in batches of some ``tokens`` padded tokens."""
        order = list(self._pass)
        random.Random(f"{seed}, pass {pool // self.pools}").shuffle(order)  # noqa: S311  nothing secret
        begin = pool % self.pools * _POOL
        draw = random.Random(f"{seed}, pool {pool}")  # noqa: S311
        drawn = [self.draw(number, draw) for number in order[begin : begin + _POOL]]
        drawn.sort(key=_longest)
        made: list[list[list[Lesson]]] = [[]]
        count = 0
        for lessons in drawn:
            if made[-1] and (count + len(lessons)) * _longest(lessons) > tokens:
                made.append([])
                count = 0
            made[-1].append(lessons)
            count += len(lessons)
        draw.shuffle(made)
        yield from made

    def draw(self, number: int, draw: random.Random) -> list[Lesson]:
        """Return lessons for question ``number``."""
        question = self._questions[number]
        text, answered, taken_out = question.text, question.gold is not None, False
        way = draw.random()
        changed = change(question, self._stock, draw) if answered and way < _CHANGED else None
        if changed is not None:
            text, answered = changed, False
        else:
            taken_out = answered and _CHANGED <= way < _CHANGED + _TAKEN_OUT
            if draw.random() < _UNNAMED:
                text = leave_unnamed(text, self._articles[question.article].title, draw)
        earlier = ""
        if question.history:
            earlier = self._before(question, draw)
        elif draw.random() < _SECOND:
            earlier, text = self._after_another(number, text, draw)
        words, weights = zip(*_WINDOWS, strict=True)
        often = _HEADED_OF_HEADINGS if self._articles[question.article].headings else _HEADED
        asked = _Asked(
            question,
            self._ids(type_as_members(text, draw)),
            self._ids(earlier),
            draw.random() < often,
            draw.choices(words, weights)[0],
        )
        middle = self._middle(number, draw)
        lessons = [self._lesson(asked, middle, draw, answered=answered, taken_out=taken_out)]
        others = [each for each in self._hard[number] if each != middle]
        if others and draw.random() < (_ANOTHER if answered else _ANOTHER_BESIDE_NONE):
            middle = draw.choice(others[:3] if draw.random() < _HARDEST else others)
            lessons.append(self._lesson(asked, middle, draw, answered=False, taken_out=False))
        return lessons

    def _before(self, question: Question, draw: random.Random) -> str:
        """Return the questions that one leans on, perhaps with what answered the last."""
        asked = " ".join(question.history)
        if draw.random() >= _WITH_ANSWER:
            return asked
        for number in self._asked[question.article, None]:
            other = self._questions[number]
            if other.text == question.history[-1] and other.answers:
                return f"{asked} {other.answers[0]}"
        return asked

    def _after_another(self, number: int, text: str, draw: random.Random) -> tuple[str, str]:
        """Return another question, perhaps with its answer, and ``text`` as it is put after that one."""
        question = self._questions[number]
        paragraph = question.paragraph if draw.random() < _AFTER_ITS_LIKE else None
        others = [each for each in self._asked[question.article, paragraph] if each != number]
        if not others:
            return "", text
        refers = draw.random() < _REFERS
        said = ""
        for at in draw.sample(others, min(_LOOKED_AT_TO_REFER if refers else 1, len(others))):
            other = self._questions[at]
            said = other.text
            if other.gold is not None and draw.random() < _WITH_ANSWER:
                said = f"{said} {other.answers[0]}"
            referring = refer_back(text, said, draw)
            if refers and referring != text:
                text = referring
                break
        return type_as_members(said, draw), text

    def _middle(self, number: int, draw: random.Random) -> int:
        """Return the sentence that stands in the middle of the first window."""
        question = self._questions[number]
        low, high = self._articles[question.article].paragraphs[question.paragraph]
        if question.gold is not None:
            step = draw.choice((-1, 1)) if draw.random() < _OFF_CENTRE else 0
            return min(max(question.gold.sentence + step, low), high - 1)
        if question.lure is not None and draw.random() < _LURED:
            return question.lure
        hard = self._hard[number]
        inside = [each for each in hard if low <= each < high]
        if inside and draw.random() < _IMPOSSIBLE_WITHIN:
            return draw.choice(inside[:2])
        return draw.choice(hard[:3] or (low,))

    def _lesson(
        self, asked: _Asked, middle: int, draw: random.Random, *, answered: bool, taken_out: bool
    ) -> Lesson:
        """Return the window around a sentence; unless ``answered``, nothing there answers."""
        question, gold = asked.question, asked.question.gold
        article, texts = self._articles[question.article], self._sentences[question.article]
        # Where nothing is said to answer, the window must not reach the paragraph that does; and none goes
        # beyond its section.
        within = draw.random() < _WITHIN_PARAGRAPH or (gold is not None and not answered) or article.headings
        bounds = article.paragraph_of(middle) if within else (0, len(article.sentences))
        shown: list[int | None] = [*range(*surround(article.words, middle, bounds, asked.words))]
        if taken_out and gold is not None and len(shown) > 1:
            shown = [each for each in shown if each != gold.sentence]
        at = shown.index(gold.sentence) if answered and gold is not None and gold.sentence in shown else None
        tokens = [texts[each].ids for each in shown if each is not None]
        if at is not None and draw.random() < _ASKED_BEFORE:
            # An interview: a question stands before its reply, and shares more words with what is asked.
            shown.insert(at, None)
            tokens.insert(at, self._ids(question.text))
            at += 1
        headings = self._headings[question.article]
        heading = headings[article.number_of(middle) if article.headings else 0] if asked.headed else []
        window = encode(asked.ids, heading, tokens, asked.earlier)
        doubtful = self._doubtful(question, shown, at) if answered else frozenset()
        if at is None or gold is None:
            return Lesson(window, None, 0, 0, doubtful)
        begin, stop = window.sentences[at]
        inside = [
            begin + place
            for place, (low, high) in enumerate(texts[gold.sentence].offsets)
            if low < gold.end and high > gold.start
        ]
        if not inside or inside[-1] >= stop:
            # The answer was cut off.
            return Lesson(window, None, 0, 0, doubtful | {at})
        return Lesson(window, at, inside[0], inside[-1], doubtful)

    def _doubtful(self, question: Question, shown: Sequence[int | None], gold: int | None) -> frozenset[int]:
        """Return which sentences but the gold one have the words of an answer."""
        sentences = self._articles[question.article].sentences
        answers = [each.lower() for each in question.answers if len(each) >= _TELLING or each.isdigit()]
        return frozenset(
            place
            for place, each in enumerate(shown)
            if place != gold
            and each is not None
            and (
                (question.gold is not None and each == question.gold.sentence)
                or any(answer in sentences[each].lower() for answer in answers)
            )
        )

    def _find_hard(self) -> list[tuple[int, ...]]:
        """Return for each question the likeliest sentences that lack its answer, none of its own paragraph.

        Those of a question that has no answer may be of its own paragraph.
        """
        by_article: dict[int, list[int]] = {}
        for number, each in enumerate(self._questions):
            by_article.setdefault(each.article, []).append(number)
        hard: list[tuple[int, ...]] = [()] * len(self._questions)
        for at, numbers in by_article.items():
            article = self._articles[at]
            lower = [each.lower() for each in article.sentences]
            scores = rank(article.sentences, [self._questions[number].text for number in numbers])
            for row, number in zip(scores, numbers, strict=True):
                question = self._questions[number]
                low, high = article.paragraphs[question.paragraph]
                answers = [each.lower() for each in question.answers]
                likeliest = (int(each) for each in np.argsort(-row, kind="stable")[:_LOOKED_AT])
                hard[number] = tuple(
                    each
                    for each in likeliest
                    if (question.gold is None or not low <= each < high)
                    and not any(answer in lower[each] for answer in answers)
                )[:_HARD]
        return hard

    def _encode_all(self, texts: Sequence[str]) -> list[_Text]:
        encoded = self._tokenizer.encode_batch([*texts], add_special_tokens=False)
        return [_Text(each.ids, each.offsets) for each in encoded]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def _longest(lessons: Sequence[Lesson]) -> int:
    return max(len(each.window.ids) for each in lessons)
