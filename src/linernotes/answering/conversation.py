"""A follow-up question -> a question that stands alone.

No second model: what "he" or "that" stands for is sought in the earlier questions and in the sentences that
answered them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Turn

_REFERS = frozenset(
    "he she they it him her them his hers its their theirs that this those these there then one ones same else"
    " another other others too also either".split()
)
_GOES_ON = re.compile(
    r"\W*(?:and|but|so|or|also|then|what about|how about|how come|why|when|where|who|which)\b", re.I
)
_FEW_WORDS = 2


def is_follow_up(question: str) -> bool:
    """Say whether a question leans on an earlier one: it refers back, goes on, or has few words of its own."""
    words = find_words(question)
    if any(word.text in _REFERS for word in words):
        return True
    content = sum(not word.is_stop for word in words)
    return content <= _FEW_WORDS and (content < _FEW_WORDS or _GOES_ON.match(question) is not None)


def stand_alone(question: str, turns: Sequence[Turn]) -> str:
    """Return the question with what it leans on before it; unchanged where it leans on nothing."""
    if not turns or not is_follow_up(question):
        return question
    return f"{turns[-1].standalone} {question}"
