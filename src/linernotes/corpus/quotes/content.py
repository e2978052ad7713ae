"""What stands between marks: a text comes in, and what can be said of it without its neighbours goes out.

Whether it ends as a sentence does, is written as a title, is long enough to be somebody's words.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linernotes.corpus.quotes.patterns import WORD
from linernotes.corpus.quotes.vocabulary import FORMS_OF_BE, PREPOSITIONS, STARTERS, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

FRAGMENT = 4
"""The fewest words that are somebody's own within a sentence: fewer are a term, a nickname or in irony."""

# "I", "our": whoever says it is quoted, so that one word less will do.
_OWN_WORDS = frozenset({"I", "my", "we", "our", "I'm", "I’m"})
_OWN_FRAGMENT = FRAGMENT - 1
_TERMINAL = (".", "?", "!", "…", "—", "–", "-")
# Written small within a title, and the tails of words that an apostrophe cuts.
_SMALL = STARTERS | PREPOSITIONS | FORMS_OF_BE | listed("nor yet so s t ve re ll m d de la vs feat n")


class Content(NamedTuple):
    """A marked text, its words, and the character ``outside``, behind its marks.

    ``ends``: it ends as a sentence does; ``comma``: as the part of a sentence before "he said" does;
    ``title``: it is written as a title is.
    """

    text: str
    words: tuple[str, ...]
    outside: str
    ends: bool
    comma: bool
    title: bool

    @classmethod
    def of(cls, text: str, outside: str) -> Content:
        """Look at a marked ``text`` with the character ``outside`` behind its marks."""
        words = tuple(WORD.findall(text))
        ends = text.rstrip("\"'”’)").endswith(_TERMINAL) or outside == "."
        comma = text.endswith((",", ";", ":")) or outside in {",", ":"}
        return cls(text, words, outside, ends, comma, _is_title(words))

    @property
    def is_fragment(self) -> bool:
        """Say whether it is long enough, and no title, to be someone's words within a sentence."""
        own = not _OWN_WORDS.isdisjoint(self.words)
        return not self.title and len(self.words) >= (_OWN_FRAGMENT if own else FRAGMENT)

    @property
    def is_own(self) -> bool:
        """Say whether somebody speaks of themselves: "I", "our"."""
        return not _OWN_WORDS.isdisjoint(self.words)

    @property
    def is_sentence(self) -> bool:
        """Say whether it is one whole sentence or more."""
        first = next((character for character in self.text if character.isalnum()), "")
        opened = first.isupper() or first.isdigit()
        long = len(self.words) >= FRAGMENT
        return opened and self.ends and self.outside != "," and long and not self.title


def _is_title(words: Sequence[str]) -> bool:
    """Say whether words are written as a title's: capitals but in the small ones."""
    long = [word for word in words if word.casefold() not in _SMALL and not word[0].isdigit()]
    return len(words) > 1 and bool(long) and all(word[0].isupper() for word in (words[0], *long))
