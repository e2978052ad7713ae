"""A question as it was typed -> what it asks for, or why it is none."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Reason

_APOSTROPHES = str.maketrans("‘’ʼ`", "''''")  # noqa: RUF001
# How members type it -> how articles write it.
_CHAT = tuple(
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), plain)
    for pattern, plain in (
        (r"wat|wut|whut", "what"),
        (r"wen", "when"),
        (r"abt", "about"),
        (r"pl[sz]", "please"),
        (r"gimme", "give me"),
        (r"u", "you"),
        (r"ur", "your"),
        (r"vids?", "video"),
        (r"feat|ft", "featuring"),
        (r"(?:come|comes|came) out", "released"),
        (r"(it|this|that|song|track|album|single|record|video) drop(?:s|ped)?", r"\1 released"),
        (r"(?:the )?features?(?= on (?:the|this|it)\b|\W*$)", "featuring"),
        (r"pics?", "picture"),
        (r"convo", "conversation"),
        (r"prod", "producer"),
        (r"collabs?|collabed", "collaboration"),
    )
)

# A greeting is read word by word: a pattern for all of it would take time that doubles with each word.
_GREETS = re.compile(
    r"hi+|he+y+|hello+|yo+|sup|hiya|howdy|heya|greetings|morning|afternoon|evening|night|thanks?|thx|ty|cheers"
    r"|bye+|goodbye|cya|nice|cool|ok(?:ay)?|great|awesome|wow|lo+l|lmao|rofl|ha(?:ha)+|xd|gg|brb|welcome|sorry"
    r"|please|yes|no|yep|nope|nah|yeah|sure|test|testing|ping|hm+|uh+|um+|good|bad",
    re.IGNORECASE,
)
_GREETED = frozenset(
    "there all everyone everybody guys folks bot man bro dude mate friend friends you so much a lot again"
    " then y'all one back day to meet see".split()
)
_ADDRESSED = frozenset("bot all everyone everybody guys folks man bro dude mate friends so".split())
_HOW_ARE_YOU = re.compile(
    r"(?:how are (?:you|u|things)|how'?s it going|what'?s up|wass?up|see you)(?: \w+){0,2}\W*", re.IGNORECASE
)
_LYRICS = re.compile(
    # Asked for at once ("lyrics to RUN?"), and nothing asked of them.
    r"^\W*(?:the |full |all |song )*lyrics\b"
    r"(?!(?: \w+){0,8} (?:about|mean|means|say|says|used|written|wrote|came|come|inspired|based|from|by)\b)"
    r"|\blyrics,? (?:pl[sz]|please)\b"
    r"|^\W*(?:what(?:'?s| are| is)) (?:the |all the |full )*lyrics(?: (?:to|of|for|in)\b"
    r"(?!.* (?:about|mean|like|based|from|by|inspired|written|called|saying)\b)[^?]*)?\W*$"
    r"|\b(?:give|show|send|tell|post|print|type|write out|share|list|need|want|got|have"
    r"|find|drop|paste|know)\b(?! (?:about|how|why|who|what|when|where)\b)[^?]{0,25}"
    r"\blyrics\W*(?:$|please|pl[sz]|for|to|of)"
    # Asked of us: where she sang it is another question.
    r"|(?:^\W*|\b(?:you|u|please|pl[sz]) )(?:sing|rap|recite)"
    r" (?:it|this|that|the (?:song|chorus|hook|verse)|me)\b(?! (?:for|on|in) )"
    r"|\bwords (?:to|of) (?:the|this) (?:song|chorus|track|hook)\b"
    r"|\b(?:write out|type|give|show|send|post|print|paste)\b.{0,30}"
    r"\b(?:verses?|chorus|hook|bars|bridge|refrain)\b"
    r"|\bhow does the (?:chorus|hook|verse|song) go\b",
    re.IGNORECASE,
)
# "Who wrote the words to the song?" asks for no words, nor does "why are the lyrics lost?".
_OF_LYRICS = re.compile(
    r"\W*(?:(?:who|whose|whom|when)\b.*\b(?:wrote|writes?|written|penned|came up)\b"
    r"|why\b(?!.*\b(?:you|u|i|we)\b))",
    re.IGNORECASE,
)
_ARITHMETIC = re.compile(
    r"(?:what(?:'?s| is)?|calculate|compute|solve|how much is)?\s*\(?-?[\d.,]+\)?"
    r"(?:\s*(?:[-+*/x\u00d7\u00f7^%]|times|plus|minus|divided by|multiplied by|over"
    r"|to the power of|mod)\s*\(?-?[\d.,]+\)?)+\s*[=?]*"
    r"|.*\b(?:square|cube) root of\s*[\d.]+\W*",
    re.IGNORECASE,
)


def plain(question: str) -> str:
    """Return the question in composed letters, without unseen marks, chat's short forms written out."""
    text = unicodedata.normalize("NFKC", question).translate(_APOSTROPHES)
    text = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"})
    # Stacked accents ("zalgo") hide the letters below them.
    text = re.sub(r"[\u0300-\u036f]{2,}", "", text)
    text = " ".join(text.split())
    for pattern, replacement in _CHAT:
        text = pattern.sub(replacement, text)
    return text


def screen(question: str, text: str, max_chars: int) -> Reason | None:
    """Say why a question is not looked up at all, or ``None``.

    Args:
        question: as it was typed.
        text: what ``plain`` made of it.
        max_chars: the longest question that is answered.
    """
    if len(question) > max_chars:
        return "too-long"
    words = [word.text for word in find_words(text)]
    if not words:
        return "empty"
    if _is_greeting(words) or _HOW_ARE_YOU.fullmatch(text):
        return "greeting"
    if _LYRICS.search(text) and not _OF_LYRICS.match(text):
        return "lyrics"
    if _ARITHMETIC.fullmatch(text):
        return "silent"
    return None


def without_greeting(text: str) -> str:
    """Return a text in plain words without the words of greeting and address that it begins with."""
    words = find_words(text)
    first = (word for word in words if not _GREETS.fullmatch(word.text) and word.text not in _ADDRESSED)
    return text[next((word.start for word in first), len(text)) :]


def _is_greeting(words: Sequence[str]) -> bool:
    greets = [_GREETS.fullmatch(word) is not None for word in words]
    return any(greets) and all(
        greeting or word in _GREETED for greeting, word in zip(greets, words, strict=True)
    )
