"""The engine: a question and an edition -> a reply. Synchronous; safe to call from threads."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from linernotes.answering import overheard
from linernotes.answering.answer import OPENING, decide, find_rival, of_one_document, open_with
from linernotes.answering.confidence import COMPARED
from linernotes.answering.conversation import Standalone, is_follow_up, means_song, stand_alone
from linernotes.answering.language import is_foreign
from linernotes.answering.lead import is_item
from linernotes.answering.naming import DocumentNames, artists_of, leave_unnamed
from linernotes.answering.placed import without_title
from linernotes.answering.question import plain, screen, without_greeting
from linernotes.answering.talk import Ear, may_be_talk
from linernotes.answering.whole import Examples, may_be_on_whole, without_mark
from linernotes.errors import CorpusError, EmptyIndexError
from linernotes.models import NOTES, Alternative, Answer, Edition, Excerpt, PreparedSegment, Turn, Unanswered
from linernotes.reading.windows import WINDOW_WORDS, heading_of
from linernotes.retrieval.document_vectors import embed_document
from linernotes.retrieval.grouping import group
from linernotes.retrieval.index import Index
from linernotes.retrieval.query import Query
from linernotes.retrieval.ranking import rank_read
from linernotes.retrieval.token_vectors import compress
from linernotes.words import find_words, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from linernotes.answering.talk import Talk
    from linernotes.answering.whole import Whole
    from linernotes.corpus.passages import Division
    from linernotes.models import Candidate, Document, Evidence, Quote, Reason
    from linernotes.reading.reader import Reader
    from linernotes.retrieval.embedding import Embedder
    from linernotes.words import Word

# To be raised when what is made of the same text changes.
SEGMENT_VERSION = 6
INDEX_VERSION = 4
# Of this version, all is the same but that the tokens' vectors are kept in float16.
SEGMENT_VERSION_OF_FLOATS = 5
# Of the model's longest text, so many tokens are kept free for a passage's heading.
HEADING_TOKENS = 24
# A word this long may be a slip of one that is this like it (1 is the same).
SHORTEST_SLIP = 4
LEAST_LIKENESS = 0.75
# A word this long may be a slip of a common one that the corpus has not: two letters swapped, or one lacking.
SHORTEST_SWAPPED, SHORTEST_LACKING = 5, 7
# Each takes some three milliseconds to try: a text full of words that are none is not to hold the others up.
MOST_COMMON_SLIPS = 4


# What may be asked of the whole all the same.
_MAY_ASK: Final = frozenset({None, "language"})
# What of the whole the opening answers, whatever a sentence says.
_OPENED: Final = frozenset({"overview", "summary", "name"})


@dataclass(frozen=True, slots=True)
class _Scope:
    """The documents to ask, ``None`` for all; ``is_strict`` says that no other may answer instead."""

    within: frozenset[str] | None
    is_strict: bool = False

    @property
    def only(self) -> str | None:
        """Return the one document that may answer, if it is one of several."""
        return next(iter(self.within)) if self.is_strict and self.within and len(self.within) == 1 else None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that is being answered."""

    edition: Edition[Index]
    standalone: Standalone
    query: Query
    refuse: bool


def _only_song(edition: Edition[Index], within: frozenset[str] | None) -> Document | None:
    """Return the only document that is asked."""
    if within is None and len(edition.documents) > 2:  # noqa: PLR2004  one may be the notes
        return None
    asked = [each for each in edition.songs if within is None or each.name in within]
    return asked[0] if len(asked) == 1 else None


def _title_of(document: Document | None) -> str | None:
    return None if document is None else document.title


def _document_of(edition: Edition[Index], name: str) -> Document | None:
    return next((each for each in edition.documents if each.name == name), None)


def _is_stated(reply: Answer | Unanswered) -> bool:
    return isinstance(reply, Answer) and reply.certainty == "stated"


def _alternative(answer: Answer) -> Alternative:
    return Alternative(answer.lead.document, answer.lead, answer.certainty, answer.confidence)


class Searched(NamedTuple):
    """What a question finds: without what it leans on, the best sentences, and what it leans on."""

    question: str
    evidence: Evidence
    earlier: str


class Segments:
    """Splits and embeds documents: what the library keeps of each text."""

    def __init__(self, embedder: Embedder) -> None:
        """Take the embedder."""
        self._embedder = embedder
        self.settings = self._settings_of(SEGMENT_VERSION)
        self.earlier: Mapping[str, Callable[[PreparedSegment], PreparedSegment]] = {
            self._settings_of(SEGMENT_VERSION_OF_FLOATS): _with_small_tokens
        }
        """What of earlier versions is taken over without the model: their settings, and how."""

    def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
        """Split and embed a document."""
        quotes, division = self._split(document)
        arrays = embed_document(division.passages, division.sentences, quotes, self._embedder, progress)
        return PreparedSegment(division.passages, division.sentences, quotes, arrays)

    def count(self, document: Document, most: int) -> int:
        """Return how many passages ``make`` would make of a document; nothing is embedded.

        Where it is plain that there are more than ``most``, they are not counted to the end: dividing a file
        that is nothing but headings takes long.
        """
        blocks = itertools.pairwise(document.blocks)
        # A passage has one heading.
        least = sum(block.kind == "heading" != after.kind for block, after in blocks)
        return least if least > most else len(self._split(document)[1].passages)

    def _settings_of(self, version: int) -> str:
        return f"segment {version}, model {self._embedder.digest}, {self._embedder.max_tokens} tokens"

    def _split(self, document: Document) -> tuple[tuple[Quote, ...], Division]:
        # Late: what has been split and saved is asked without them.
        from linernotes.corpus.passages import split
        from linernotes.corpus.quotes import find_questions, find_quotes

        quotes = find_quotes(document)
        embedder = self._embedder
        headed = any(block.kind == "heading" for block in document.blocks)
        most = max(8, embedder.max_tokens - HEADING_TOKENS * headed)
        questions = find_questions(document)
        division = split(document, quotes, questions, count_tokens=embedder.count_tokens, max_tokens=most)
        return quotes, division


def _with_small_tokens(segment: PreparedSegment) -> PreparedSegment:
    """Return a segment whose tokens' vectors are float16 as it would be made now."""
    vectors, scales = compress(segment.arrays["token_vectors"].astype(np.float32))
    return replace(segment, arrays={**segment.arrays, "token_vectors": vectors, "token_scales": scales})


class Indexes:
    """Builds, saves and loads the index of an edition."""

    def __init__(self, dimension: int) -> None:
        """Take the length of the model's vectors."""
        self._dimension = dimension
        self.settings = f"index {INDEX_VERSION}"

    def build(self, parts: Sequence[PreparedSegment]) -> Index:
        """Build an index over the documents' segments."""
        return Index.build(parts, self._dimension)

    def save(self, index: Index, folder: Path) -> None:
        """Write the index to an empty folder."""
        index.save(folder)

    def load(self, folder: Path, parts: Sequence[PreparedSegment]) -> Index:
        """Load what ``save`` has written."""
        return Index.load(folder, parts, self._dimension)


class Engine:
    """Answers questions from an edition."""

    def __init__(
        self, embedder: Embedder, *, reader: Reader | None = None, max_question_chars: int = 1000
    ) -> None:
        """Take the embedder, what reads closely, and the longest question that is answered, in characters."""
        self._embedder = embedder
        self._reader = reader
        self._max_question_chars = max_question_chars
        self._names: WeakKeyDictionary[Index, DocumentNames] = WeakKeyDictionary()
        self._ear: Ear | None = None
        self._examples: Examples | None = None
        self.segments = Segments(embedder)
        self.indexes = Indexes(embedder.dimension)

    def ask(
        self,
        edition: Edition[Index],
        question: str,
        turns: Sequence[Turn] = (),
        *,
        song: str | None = None,
        refuse: bool = True,
    ) -> Turn:
        """Answer a question.

        It is asked of the documents that it names, else of the one that the conversation is about, else of
        all. Never is an answer made of two of them.

        Args:
            edition: what to answer from.
            question: as it was typed.
            turns: the earlier ones of the conversation, oldest first.
            song: the document that the conversation is about from now on, because a person has chosen it.
            refuse: whether to say so where the edition does not answer. Without it, whatever comes nearest
                is given as an answer, which is for measuring; only what has no word at all stays unanswered.

        Raises:
            EmptyIndexError: the edition has no sentence.
        """
        text, reason = self._read(edition, question)
        scope = self._scope(edition, text, turns, song)
        only = _only_song(edition, scope.within)
        whole = self._whole(edition.index, question, only, turns) if reason in _MAY_ASK else None
        if whole is not None:
            # A few words without a name are in any language, and near to small talk.
            reason = None
        elif refuse and reason in {None, "greeting"} and may_be_talk(text):
            reason = self._talk(edition, text) or reason
        if reason is not None:
            if refuse or reason == "empty":
                return Turn(question, text, Unanswered(reason, None, edition.id), song)
            text = self._spelt(text, edition.index)
        standalone = stand_alone(text, turns, _title_of(only))
        asked = _Asked(edition, standalone, self._query(standalone, only), refuse)
        answer = self._answer if whole is None else partial(self._answer_on_whole, whole)
        reply = answer(asked, scope.within)
        if scope.within is not None and not scope.is_strict and not _is_stated(reply):
            elsewhere = answer(asked, None)
            if _is_stated(elsewhere):
                reply = elsewhere
        if isinstance(reply, Unanswered) and scope.only is not None:
            reply = replace(reply, document=scope.only)
        return Turn(question, standalone.text, reply, song)

    def search(
        self, edition: Edition[Index], question: str, turns: Sequence[Turn] = (), k: int = 24
    ) -> Searched | None:
        """Return what a question finds; ``None`` where none is due."""
        text, reason = self._read(edition, question)
        only = _only_song(edition, None)
        if reason is not None or self._whole(edition.index, question, only, turns) in _OPENED:
            return None
        standalone = stand_alone(text, turns, _title_of(only))
        evidence = edition.index.search(self._query(standalone, only), k)
        return Searched(standalone.question, evidence, standalone.earlier)

    def read(
        self,
        edition: Edition[Index],
        question: str,
        evidence: Evidence,
        windows: int,
        *,
        earlier: str = "",
        rank: bool = True,
        made: dict[int, Excerpt] | None = None,
    ) -> Evidence:
        """Have the reader read windows around the best candidates.

        Without a reader, the evidence comes back as it is.

        Args:
            edition: what was searched.
            question: without what it leans on.
            evidence: what was found.
            windows: how many to read; every candidate in one of them is read.
            earlier: what it leans on: the questions before it, and the words that answered the last.
            rank: whether to rank them anew by what was found.
            made: the excerpts that were made of this edition before, by position; more are added.
        """
        if self._reader is None:
            return evidence
        made = {} if made is None else made
        for each in evidence.candidates[:COMPARED]:
            if each.position not in made:
                made[each.position] = self._excerpt(edition, each)
        excerpts = [made[each.position] for each in evidence.candidates[:COMPARED]]
        readings = self._reader.read(question, excerpts, earlier, windows)
        read = [
            replace(each, reading=reading)
            for each, reading in zip(evidence.candidates, readings, strict=False)
        ]
        candidates = (*read, *evidence.candidates[len(read) :])
        return replace(evidence, candidates=rank_read(candidates) if rank else candidates)

    def _excerpt(self, edition: Edition[Index], candidate: Candidate) -> Excerpt:
        """Return a candidate with the sentences around it, of its section alone, below title and heading."""
        index = edition.index
        passage = index.passage(candidate.sentence.document, candidate.sentence.passage)

        def around(positions: Iterable[int]) -> Iterable[str]:
            # What comes after so many words is in no window.
            room = WINDOW_WORDS
            for position in positions:
                sentence = index.sentences[position]
                if sentence.document != passage.document or (
                    sentence.passage != passage.number
                    and index.passage(sentence.document, sentence.passage).heading != passage.heading
                ):
                    return
                words = sentence.text.split()
                yield " ".join(words)
                room -= len(words)
                if room < 0:
                    return

        at = candidate.position
        before = list(around(range(at - 1, -1, -1)))
        after = list(around(range(at + 1, len(index.sentences))))
        document = _document_of(edition, passage.document)
        title, artist = (None, None) if document is None else (document.title, document.artist)
        heading = heading_of(title, passage.heading, artist)
        return Excerpt(heading, tuple(before[::-1]), candidate.sentence.text, tuple(after))

    def _scope(self, edition: Edition[Index], text: str, turns: Sequence[Turn], song: str | None) -> _Scope:
        """Return the documents that a question is asked of."""
        if len(edition.documents) <= 2 and len(edition.songs) <= 1:  # noqa: PLR2004  one may be the notes
            return _Scope(None)
        if (names := self._names.get(edition.index)) is None:
            names = self._names[edition.index] = DocumentNames(edition.songs, edition.index)
        if (named := names.find(text)) is not None:
            return _Scope(named.documents, named.is_sure)
        if song is not None and song in {document.name for document in edition.documents}:
            return _Scope(frozenset([song]), is_strict=True)
        if not turns:
            return _Scope(None)
        there = {document.name for document in edition.songs}
        return self._scope_of(turns, there, names, follows=is_follow_up(text))

    @staticmethod
    def _scope_of(turns: Sequence[Turn], there: set[str], names: DocumentNames, *, follows: bool) -> _Scope:
        """Return the documents that a conversation is about."""
        for turn in reversed(turns):
            if turn.song is not None and turn.song in there:
                return _Scope(frozenset([turn.song]), is_strict=True)
            if isinstance(turn.reply, Answer):
                if turn.reply.lead.document in there:
                    return _Scope(frozenset([turn.reply.lead.document]), follows)
            elif (named := names.find(turn.question)) is not None and named.is_sure:
                return _Scope(named.documents, follows)
        return _Scope(None)

    def _with_notes(
        self, edition: Edition[Index], within: frozenset[str] | None
    ) -> tuple[frozenset[str] | None, frozenset[int]]:
        """Return these documents with the moderators' notes, and the passages of notes on other songs.

        A note says which song it is about by naming it, or is about none in particular.
        """
        if within is None or not any(each.holds_notes for each in edition.documents):
            return within, frozenset()
        names = self._names.get(edition.index)
        other: set[int] = set()
        for at, passage in enumerate(edition.index.passages if names is not None else ()):
            if passage.document == NOTES and names is not None:
                named = names.find(f"{passage.heading or ''} {passage.text}")
                if named is not None and named.is_sure and not named.documents & within:
                    other.add(at)
        return within | {NOTES}, frozenset(other)

    def _answer(self, asked: _Asked, within: frozenset[str] | None) -> Answer | Unanswered:
        """Answer from the best of these documents, and say what the second best has to say."""
        edition, question = asked.edition, asked.standalone.question
        within, without = self._with_notes(edition, within)
        evidence = edition.index.search(asked.query, within=within, without=without)
        evidence = without_title(evidence, self._titled(edition, evidence.candidates[0].sentence.document))

        made: dict[int, Excerpt] = {}

        def read(found: Evidence, windows: int) -> Evidence:
            earlier = asked.standalone.earlier
            return self.read(edition, question, found, windows, earlier=earlier, made=made)

        def reply_from(found: Evidence, *, refuse: bool) -> Answer | Unanswered:
            return decide(
                question,
                found,
                edition.index,
                edition.id,
                read=None if self._reader is None else read,
                refuse=refuse,
            )

        reply = reply_from(evidence, refuse=asked.refuse)
        if not isinstance(reply, Answer):
            return reply
        rival = find_rival(evidence, reply.lead.document)
        if rival is None:
            return reply
        other = reply_from(of_one_document(evidence, rival), refuse=True)
        if not isinstance(other, Answer) or other.certainty != "stated":
            return reply
        if reply.certainty == "stated" and reply.confidence >= other.confidence:
            return replace(reply, other=_alternative(other))
        return replace(other, other=_alternative(reply) if reply.certainty == "stated" else None)

    @staticmethod
    def _titled(edition: Edition[Index], document: str) -> str:
        """Return what a document's metadata call it, and whom it is by."""
        found = _document_of(edition, document)
        return " ".join(filter(None, (found.title, found.artist))) if found is not None else ""

    def _whole(
        self, index: Index, question: str, only: Document | None, turns: Sequence[Turn] = ()
    ) -> Whole | None:
        """Return what a question asks of the whole song or article, if it does.

        Args:
            index: what would be searched.
            question: as it was typed: a word that the corpus lacks ("gist") may be taken for a slip.
            only: the only document that is asked; its title is no part of it.
            turns: the earlier ones of the conversation.
        """
        text = without_greeting(plain(question[: self._max_question_chars]))
        unnamed = None if only is None else leave_unnamed(text, only)
        text = unnamed or text
        if not may_be_on_whole(text, index.vocabulary.frequencies.__contains__):
            return None
        if self._examples is None:
            self._examples = Examples.of(lambda texts: [each.vector for each in self._embedder.embed(texts)])
        # After "tldr" and "what is the song about?", "it" is the song.
        last = turns[-1].question if turns and unnamed is None else None
        follows = last is not None and not means_song(last) and self._whole(index, last, only) is None
        vector = self._embedder.embed([without_mark(text)])[0].vector
        return self._examples.kind_of(text, vector, follows=follows)

    def _answer_on_whole(
        self, whole: Whole, asked: _Asked, within: frozenset[str] | None
    ) -> Answer | Unanswered:
        """Answer with the opening, or with the sentence that states what is asked of the whole."""
        edition = asked.edition
        try:
            opening = self._open(asked, within)
        except EmptyIndexError:
            # There are moderators' notes alone.
            return self._answer(asked, None)
        if whole in _OPENED:
            return opening
        reply = self._answer(asked, within)
        if whole == "article":
            # Further down, an article is "about" this and that.
            return reply if _is_stated(reply) and self._is_in_opening(edition.index, reply) else opening
        document = _document_of(edition, opening.lead.document)
        artists = () if document is None else artists_of(document)
        is_likely = isinstance(reply, Answer) and reply.confidence >= 0.5  # noqa: PLR2004  than not
        if holds(opening.lead.text, artists[:1]) and not (
            isinstance(reply, Answer) and _is_stated(reply) and is_likely and holds(reply.lead.text, artists)
        ):
            return opening
        if is_likely or _is_stated(reply):
            return reply
        # Whom a song is by is said in the opening as a rule, and not for sure.
        as_near: Any = {"certainty": "near", "confidence": reply.confidence}
        other = None if opening.other is None else replace(opening.other, **as_near)
        return replace(opening, other=other, **as_near)

    def _open(self, asked: _Asked, within: frozenset[str] | None) -> Answer:
        """Answer what the whole is, of the document that fits the question best.

        Of its first sentences, the one that is nearest to the title in meaning leads: articles begin with
        bylines, weather and anecdotes, and come a little later to what they are about.

        Raises:
            EmptyIndexError: no song has a sentence.
        """
        index, edition = asked.edition.index, asked.edition
        if within is None:
            within = frozenset(each.name for each in edition.songs)
        evidence = index.search(asked.query, within=within)
        document = evidence.candidates[0].sentence.document
        answer = self._opening_of(document, edition, evidence)
        others = within - {document}
        if not others:
            return answer
        # Asked of none in particular, it is asked of each as well.
        try:
            evidence = index.search(asked.query, within=others)
        except EmptyIndexError:
            return answer
        rival = self._opening_of(evidence.candidates[0].sentence.document, edition, evidence)
        return replace(answer, other=_alternative(rival))

    def _opening_of(self, document: str, edition: Edition[Index], evidence: Evidence) -> Answer:
        index = edition.index
        opening, vectors = index.opening(document, OPENING)
        passages = (index.passage(document, index.sentences[at].passage) for at in opening)
        # A line by itself is a title, a byline, an item: none of these says what the whole is.
        told = [not is_item(index.sentences[at], on) for at, on in zip(opening, passages, strict=True)]
        title = _title_of(_document_of(edition, document))
        near = np.zeros(len(opening), np.float32)
        if title is not None and find_words(title):
            near = vectors @ self._embedder.embed([title])[0].vector
        best = opening[int(np.where(told, near, near - 2).argmax())]
        return open_with(best, of_one_document(evidence, document), index, edition.id)

    @staticmethod
    def _is_in_opening(index: Index, reply: Answer | Unanswered) -> bool:
        if not isinstance(reply, Answer):
            return False
        opening, _ = index.opening(reply.lead.document, OPENING)
        return reply.lead.start < index.sentences[opening[-1]].end

    def is_question(self, edition: Edition[Index], message: str) -> bool:
        """Say whether a message that addresses nobody is a question for the bot, not talk among people."""
        text, reason = self._read(edition, message)
        if reason in {"empty", "greeting", "too-long", "language"}:
            return False
        embedding = self._embedder.embed([text])[0]
        evidence = edition.index.search(Query.of(text, embedding))
        return overheard.is_question(text, evidence, embedding.vector, self._embedder.digest)

    def _talk(self, edition: Edition[Index], text: str) -> Talk | None:
        """Return what kind of talk a message to the bot is; ``None`` for what may be a question."""
        if self._ear is None:
            self._ear = Ear.of(lambda texts: [each.vector for each in self._embedder.embed(texts)])
        index = edition.index
        vector = self._embedder.embed([text])[0].vector
        return self._ear.kind_of(text, vector, lambda word: index.is_name(word) and not index.is_common(word))

    def _read(self, edition: Edition[Index], question: str) -> tuple[str, Reason | None]:
        """Return the question in plain words, and why it is not looked up, if it is not."""
        most = self._max_question_chars
        text = plain(question[:most])
        reason = screen(question, text, most)
        vocabulary = edition.index.vocabulary
        if reason is None:
            languages = {document.language for document in edition.documents}
            if is_foreign(text, languages, vocabulary.frequencies.__contains__):
                reason = "language"
        return (text if reason else self._spelt(text, edition.index)), reason

    def _query(self, asked: Standalone, only: Document | None) -> Query:
        if not asked.context:
            unnamed = None if only is None else leave_unnamed(asked.text, only)
            embedding, *others = self._embedder.embed([asked.text, *([unnamed] if unnamed else [])])
            query = Query.of(asked.text, embedding)
            return query if unnamed is None else replace(query, unnamed=Query.of(unnamed, others[0]))
        # Both go through the model in one forward pass.
        whole, alone = self._embedder.embed([asked.text, asked.question])
        question = Query.of(asked.question, alone)
        return Query.of(asked.text, whole, asked.context, question, asked.answered)

    def _spelt(self, text: str, index: Index) -> str:
        """Return ``text`` with slips replaced by the corpus's word that is nearest.

        A word that the corpus does not have is taken for a slip when the model's tokenizer has no token for
        it, as it has for common words: "bail" is not mended to "jail". A common word can still be a name
        with a letter too few or too many ("yung"). Where the corpus has nothing near, it may be a slip of a
        common word.
        """
        tries = MOST_COMMON_SLIPS
        for word in reversed(find_words(text)):
            if len(word.text) < SHORTEST_SLIP or word.stem in index.vocabulary.frequencies:
                continue
            is_common = self._embedder.count_tokens(word.text) == 1
            size = len(word.text)
            found = (
                index.spellings_of_names.near(word.text, LEAST_LIKENESS, (size - 1, size + 1))
                if is_common
                else index.spellings.near(word.text, LEAST_LIKENESS)
            )
            nearest = max(found, key=lambda each: each[1])[0] if found else None
            if tries and not found and not is_common and text[word.start].islower():
                nearest, tries = self._common_word(word), tries - 1
            if nearest is not None:
                text = text[: word.start] + nearest + text[word.start + size :]
        return text

    def _common_word(self, word: Word) -> str | None:
        """Return the common word that this is a slip of: two letters have changed places, or one is missing.

        Common is what the model's tokenizer has a token for. What it has a token of the stem for is a word
        ("rapped" is no slip of "trapped"), and of a short one it cannot be told.
        """
        text = word.text
        if not text.isascii() or not text.isalpha() or self._embedder.count_tokens(word.stem) == 1:
            return None
        slips = [
            f"{text[:at]}{text[at + 1]}{text[at]}{text[at + 2 :]}"
            for at in range(len(text) - 1)
            if len(text) >= SHORTEST_SWAPPED
        ]
        slips += [
            f"{text[:at]}{letter}{text[at:]}"
            for at in range(1, len(text))
            for letter in ascii_lowercase
            if len(text) >= SHORTEST_LACKING
        ]
        return next((each for each in slips if self._embedder.count_tokens(each) == 1), None)

    def recall(self, edition: Edition[Index], history: Sequence[str]) -> tuple[Turn, ...]:
        """Answer the earlier questions of a conversation, oldest first."""
        turns: tuple[Turn, ...] = ()
        for question in history:
            turns = (*turns, self.ask(edition, question, turns))
        return turns

    def alone(self, edition: Edition[Index], document: str) -> Edition[Index]:
        """Return one document of an edition as an edition with the same id; nothing is embedded or saved.

        Raises:
            CorpusError: the edition has no such document.
        """
        names = [each.name for each in edition.documents]
        if document not in names:
            raise CorpusError(f"There is no document {document!r}.")
        if len(names) == 1:
            return edition
        at = names.index(document)
        part = edition.index.parts[at]
        index = self.indexes.build([part])
        found = (edition.documents[at],)
        return Edition(edition.id, found, part.passages, part.sentences, part.quotes, index)

    def group(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Group texts by meaning, the largest group first; each group holds positions in ``texts``."""
        return group([embedding.vector for embedding in self._embedder.embed(texts)])

    def quotes_about(self, edition: Edition[Index], text: str) -> tuple[Quote, ...]:
        """Return the edition's quotations, those that are nearest in meaning to ``text`` first."""
        if not edition.quotes:
            return ()
        cosines = edition.index.quote_vectors @ self._embedder.embed([text])[0].vector
        return tuple(edition.quotes[i] for i in np.argsort(-cosines, kind="stable"))
