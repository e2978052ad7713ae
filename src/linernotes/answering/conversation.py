"""A follow-up question -> a question that stands alone.

No second model: the earlier question goes before this one, its words weigh less, and the search finds what
"he" or "that" stands for. Where the earlier answer stands, the next is often near.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.models import Answer
from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Sentence, Turn

_REFERS = frozenset(
    "he she they it him her them his hers its their theirs that this these those there then one ones same"
    " else another other others too also either".split()
)
_GOES_ON = re.compile(
    r"\W*(?:and|but|so|or|also|then|what about|how|why|when|where|who|which)\b", re.IGNORECASE
)
_FEW_WORDS = 2
_IT = frozenset("it its this that".split())
_SONG = frozenset("song songs track record single tune".split())


def is_follow_up(question: str) -> bool:
    """Say whether a question leans on an earlier one: it refers back, goes on, or has few words."""
    words = find_words(question)
    if any(word.text in _REFERS for word in words):
        return True
    content = sum(not word.is_stop for word in words)
    return content <= _FEW_WORDS and (content < _FEW_WORDS or _GOES_ON.match(question) is not None)


def means_song(question: str) -> bool:
    """Say whether a question names the song by "it" or "the song" alone, and nothing else."""
    words = find_words(question)
    return all(word.is_stop or word.text in _SONG for word in words) and any(
        word.text in _SONG or word.text in _IT for word in words
    )


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question with what it leans on before it: the first ``context`` characters are of earlier ones.

    ``answered`` is the best sentence of the answer to the last of these, where there was one, ``said`` its
    words that answered.
    """

    text: str
    context: int = 0
    answered: Sentence | None = None
    said: str = ""

    @property
    def question(self) -> str:
        """Return the question alone."""
        return self.text[self.context :]

    @property
    def earlier(self) -> str:
        """Return what it leans on, for the reader: the earlier questions and the last answer's words."""
        return f"{self.text[: self.context]}{self.said}".strip()


def stand_alone(question: str, turns: Sequence[Turn], song: str | None = None) -> Standalone:
    """Return the question with what it leans on; alone where it leans on nothing.

    Args:
        question: in plain words.
        turns: the earlier ones, oldest first.
        song: what the only document there is to ask is called. Then "it" and "the song" mean that.
    """
    if not turns and song and means_song(question):
        return Standalone(f"{song} {question}")
    if not turns or not is_follow_up(question):
        return Standalone(question)
    last = turns[-1]
    # Where that one leans on another itself, the other is needed too.
    leans = len(turns) > 1 and is_follow_up(last.question)
    context = f"{turns[-2].question} {last.question} " if leans else f"{last.question} "
    if not isinstance(last.reply, Answer):
        return Standalone(context + question, len(context))
    answered = last.reply.hits[0].sentences[0]
    said = " ".join(each.text for each in last.reply.bold)
    return Standalone(context + question, len(context), answered, said)
