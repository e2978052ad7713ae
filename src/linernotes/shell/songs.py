"""Which song the chat in the terminal is about: what was asked, what was chosen, and what was offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linernotes.models import Answer

if TYPE_CHECKING:
    from linernotes.models import Alternative, Document, Edition, Turn
    from linernotes.retrieval.index import Index

REMEMBERED = 8
"""How many earlier questions of a chat are kept to understand the next one."""


class Songs:
    """A conversation and its song: the turns know which it is, until one is chosen for the next question."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.turns: tuple[Turn, ...] = ()
        self.chosen: str | None = None

    @property
    def offered(self) -> Alternative | None:
        """What another song says to the last question."""
        reply = self.turns[-1].reply if self.turns else None
        return reply.other if isinstance(reply, Answer) else None

    @property
    def current(self) -> str | None:
        """The document that the conversation is about."""
        if self.chosen is not None:
            return self.chosen
        for turn in reversed(self.turns):
            if turn.song is not None:
                return turn.song
            if isinstance(turn.reply, Answer):
                return turn.reply.lead.document
        return None

    def remember(self, turn: Turn) -> None:
        """Keep a question that has been answered."""
        self.turns = (*self.turns, turn)[-REMEMBERED:]
        self.chosen = None

    def take_back(self) -> Turn:
        """Return the last question, which is asked again."""
        *before, last = self.turns
        self.turns = tuple(before)
        return last

    def choose(self, document: str | None) -> None:
        """Ask this document from now on, or all of them: then the conversation begins anew."""
        self.chosen = document
        if document is None:
            self.turns = ()


def find_songs(edition: Edition[Index], words: str) -> tuple[Document, ...]:
    """Return the documents that ``words`` may mean: a number in the list, a title or name, or parts of it."""
    documents = edition.documents
    if words.isascii() and words.isdigit() and 0 < int(words) <= len(documents):
        return (documents[int(words) - 1],)
    wanted = words.casefold()
    exact = [each for each in documents if wanted in ((each.title or "").casefold(), each.name.casefold())]
    return tuple(exact or (each for each in documents if _has(each, wanted.split())))


def _has(document: Document, words: list[str]) -> bool:
    names = f"{document.title or ''} {document.artist or ''} {document.name}".casefold()
    return all(word in names for word in words)
