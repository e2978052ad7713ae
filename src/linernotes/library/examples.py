"""Questions that a corpus can answer, taken from its text, spread over its songs, and tried out."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter, OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, Final

from linernotes.models import Answer
from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linernotes.library.service import Library
    from linernotes.models import Document, Edition
    from linernotes.retrieval.index import Index

_log = logging.getLogger(__name__)

EXAMPLES: Final = 3
_TRIED: Final = 15
_EDITIONS: Final = 64
_LONGEST: Final = 100
# So many passages of each song are looked through for names.
_PASSAGES: Final = 200

# Two or three capitalised words inside a sentence: a person, a place, an outlet; not "the Civil War".
_NAME: Final = re.compile(r"(?<=[a-z,] )(?<!the )[A-Z][a-z]+(?: [A-Z][\w-]+){1,2}\b")


class Examples:
    """Finds questions for each edition once."""

    def __init__(self, library: Library) -> None:
        """Take the library that is asked whether it can answer."""
        self._library = library
        self._found: OrderedDict[str, asyncio.Future[tuple[str, ...]]] = OrderedDict()

    async def of(self, guild: int | None) -> tuple[str, ...]:
        """Return up to three questions that the server's corpus answers, those that it is sure of first."""
        edition = await self._library.edition(guild)
        found = self._found.get(edition.id)
        if found is None or (found.done() and (found.cancelled() or found.exception() is not None)):
            # Whoever comes second waits for the first; that the first is cancelled must not stop it.
            found = self._found[edition.id] = asyncio.ensure_future(self._find(edition, guild))
            if len(self._found) > _EDITIONS:
                self._found.popitem(last=False)
        self._found.move_to_end(edition.id)
        try:
            return await asyncio.shield(found)
        except Exception as error:  # noqa: BLE001  no answer is lost for want of an example
            _log.error("No examples for the edition %.12s.", edition.id, exc_info=error)
            return ()

    async def _find(self, edition: Edition[Index], guild: int | None) -> tuple[str, ...]:
        sure: list[str] = []
        others: list[str] = []
        for question in islice(candidates(edition), _TRIED):
            turn = await self._library.ask(question, guild=guild)
            if isinstance(turn.reply, Answer):
                (sure if turn.reply.certainty == "stated" else others).append(question)
            if len(sure) == EXAMPLES:
                break
        # A small corpus may have few that are answered for sure: one that is nearly so is better than none.
        return (*sure, *others)[:EXAMPLES]


def candidates(edition: Edition[Index]) -> Iterator[str]:
    """Yield questions about what the text names: the songs in turn, and of each those of different kinds."""
    seen: set[str] = set()
    songs = [_of_song(edition, each) for each in edition.songs or edition.documents]
    while songs:
        for song in list(songs):
            question = next((each for each in song if each not in seen and len(each) <= _LONGEST), None)
            if question is None:
                songs.remove(song)
            else:
                seen.add(question)
                yield question


def _of_song(edition: Edition[Index], document: Document) -> Iterator[str]:
    """Yield questions about a document, those of different kinds in turn."""
    kinds = [_about_quotes(edition, document), _about_names(edition, document), _about_title(document)]
    while kinds:
        for kind in list(kinds):
            question = next(kind, None)
            if question is None:
                kinds.remove(kind)
            else:
                yield question


def _about_quotes(edition: Edition[Index], document: Document) -> Iterator[str]:
    for quote in edition.index.quotes_of(document.name):
        if quote.speaker:
            to = f" to {_one_line(quote.source)}" if quote.source else ""
            yield f"What did {_one_line(quote.speaker)} say{to}?"


def _about_names(edition: Edition[Index], document: Document) -> Iterator[str]:
    names: Counter[str] = Counter()
    passages = (each for each in edition.passages if each.document == document.name)
    for passage in islice(passages, _PASSAGES):
        names.update(_NAME.findall(passage.text))
    speakers = {quote.speaker for quote in edition.quotes}
    for name, _ in sorted(names.items(), key=lambda each: (each[0] in speakers, -each[1])):
        if not any(word.is_stop for word in find_words(name)):
            yield f"What does the article say about {name}?"


def _about_title(document: Document) -> Iterator[str]:
    if document.title:
        yield f"What is {_one_line(document.title)} about?"


def _one_line(text: str) -> str:
    return " ".join(text.split())
