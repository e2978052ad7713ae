"""A message that names nobody, in a thread where the bot was asked -> whether it is a question for the bot.

People talk in such a thread with each other, too, and ask each other things: "how was your exam?" is no
question for us, and "remind me what ysl is" is one without a question mark. Two kinds of signs are weighed
together by a logistic regression: how a message is put (whom it speaks of, how it begins), and what the
corpus has to do with it. Neither is enough: members ask for what the article does not say, and talk about
what it says.

The weights are fitted by ``benchmarks/remarks.py`` to messages that were written for it: one set for the
model that ships, which reads the message's vector as well, and one for any other, which does without.
"""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linernotes.models import Evidence, Floats

_LINK: Final = re.compile(r"\S*(?:://|\bwww\.)\S*|<[^>]*>")
# What people say before they come to it; closed classes of words, as all that follow.
_OPENERS: Final = frozenset(
    "and but so or also then ok okay wait hold on hm hmm hmmm um uh well oh ah hey hi yo sorry please btw"
    " anyway no yes yeah actually alright right now just like quick question another one more".split()
)
_ASKS: Final = frozenset(
    "who whos whose whom what whats which when whens where wheres why how hows howd whod whatd wheres".split()
)
_AUXILIARIES: Final = frozenset(
    "is are was were do does did has have had can could will would should isn't aren't wasn't weren't don't"
    " doesn't didn't hasn't".split()
)
_REQUESTS: Final = frozenset(
    "tell give show explain describe remind summarise summarize list name find quote more any"
    " anything".split()
)
_YOU: Final = frozenset("you your yours yourself u ur y'all guys ya you're you've you'll you'd".split())
_ME: Final = frozenset(
    "i me my mine myself we us our ours i'm i've i'll i'd im ive we're we've we'll we'd let's lets".split()
)
_ROOM: Final = frozenset(
    "anyone anybody everyone everybody someone somebody nobody here there guys all folks".split()
)
_ABSENT: Final = frozenset(
    "he she they it him her them his hers its their theirs that this these those there".split()
)
_NOW: Final = frozenset(
    "today tonight tomorrow yesterday now later soon already again weekend week monday tuesday wednesday"
    " thursday friday saturday sunday morning evening night minute sec second lately recently".split()
)
_PAST: Final = frozenset("was were did had got made wrote said".split())
# Whoever asks for something so speaks neither of us nor of themselves.
_WISHES: Final = re.compile(
    r"(?:(?:can|could|would|will) (?:you|u|someone|anyone|somebody|anybody) (?:please )?(?:tell|give|show"
    r"|explain|describe|remind|summari[sz]e|list|name|find|quote|say)"
    r"|i(?:'d| would)? (?:want|need|like|love) to know"
    r"|i (?:still |really |just )?(?:don't|dont|do not|can't|cant|cannot) (?:get|understand|see|remember"
    r"|recall)(?= (?:who|what|when|where|why|how|which)\b)"
    r"|(?:do|does) (?:you|anyone|anybody|it|they) (?:know|say|mention|tell)"
    r"|any (?:idea|ideas|clue|word|info))\b(?: me\b| us\b)?"
)
_EXCLAIMS: Final = re.compile(r"what an?\b|how \w+ (?:is|was) (?:that|this)$")
_LAUGHS: Final = re.compile(
    r"\b(?:l+o+l+\w*|lmao+\w*|rofl|(?:h[aeo]){2,}h?|haha\w*|xd|omg|wtf|ugh|wow|aw+|yay|tbh|imo|imho|idk|lmk|rn|ngl)\b"
    r"|[!\u2600-\u27bf\U0001f000-\U0001faff]",
    re.IGNORECASE,
)

_ABOUT: Final = frozenset(
    (a, b) for a in ("what", "more", "anything", "how", "something") for b in ("about", "on")
)
_BE: Final = frozenset({"is", "was", "are", "were"})

SIGNS: Final = (
    # How it is put.
    "asks_first",  # a question word begins it, or its last sentence
    "asks_within",  # one stands later
    "auxiliary_first",  # "did ...": asked of somebody present as often as of the article
    "auxiliary_you",  # and the next words are of who is present
    "requests",  # "tell me", "can you explain", "more"
    "about",  # "what about", "more about", "anything on"
    "goes_on",  # begins with "and", "so", "but"
    "mark",  # a question mark
    "you",
    "me",
    "room",  # "anyone", "everybody"
    "absent",  # of something or somebody spoken of before
    "asks_absent",  # and it is asked of them
    "now",  # "tomorrow", "later"
    "past",
    "how_be",  # "how was ..."
    "exclaims",  # "what a ..."
    "laughs",
    "words",  # the logarithm of their number
    "states",  # neither a question word nor an auxiliary nor a request begins it
    # What the corpus has to do with it.
    "content",  # the logarithm of the number of content words
    "sentence_vector",  # the peaks of the search's signals
    "late",
    "late_before",
    "late_passage",
    "unknown",  # the share of its content words that the corpus lacks
    "unknown_asked",  # the same, where something is asked
    "names",  # how many of its words the corpus writes as names
    "near_asked",  # how near a passage comes, where something is asked
    "near_you",  # the same, where it speaks to somebody present
)
"""What is read of a message; each a figure of about the size of 1."""

WEIGHTS: Final = "overheard.json"
"""The file beside this one that has the weights."""

# One word ("why?", "lol") is not enough to go by.
_FEWEST_WORDS: Final = 2
# It takes this many signs of a kind for more to say nothing.
_ENOUGH: Final = 2.0


@dataclass(frozen=True, slots=True)
class Listener:
    """A fitted model: weights of the signs in the order of ``SIGNS``, and of a vector where it reads one."""

    intercept: float
    signs: Floats
    vector: Floats | None = None

    def of(self, signs: Sequence[float], vector: Floats) -> float:
        """Return the probability that a message with these signs and vector is a question for the bot."""
        x = self.intercept + float(self.signs @ np.array(signs, np.float32))
        if self.vector is not None:
            x += float(self.vector @ vector)
        return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def is_question(text: str, evidence: Evidence, vector: Floats, model: str) -> bool:
    """Say whether a message is rather a question for the bot than not.

    Args:
        text: the message in plain words, as it was written.
        evidence: what a search for it found.
        vector: what the model made of it.
        model: the digest of the model.
    """
    if not is_enough(text):
        return False
    signs = find_signs(text, evidence)
    listener = listeners().get(model) or listeners()[""]
    return listener.of([signs[name] for name in SIGNS], vector) >= 0.5  # noqa: PLR2004  likelier than not


@functools.cache
def listeners() -> Mapping[str, Listener]:
    """Return the models that ship by the digest of the embedder that they go with; ``""`` for any."""
    stored = json.loads(resources.files(__package__).joinpath(WEIGHTS).read_text(encoding="utf-8"))
    return {each["model"]: _listener(each) for each in stored["listeners"]}


def _listener(stored: dict[str, Any]) -> Listener:
    if unknown := stored["signs"].keys() ^ set(SIGNS):
        raise ValueError(f"The signs and their weights do not agree: {sorted(unknown)}.")
    vector = stored["vector"]
    return Listener(
        float(stored["intercept"]),
        np.array([stored["signs"][name] for name in SIGNS], np.float32),
        None if vector is None else np.array(vector, np.float32),
    )


def is_enough(text: str) -> bool:
    """Say whether anything is left of a message without links and signs that could be asked."""
    return len(find_words(_LINK.sub(" ", text))) >= _FEWEST_WORDS


def find_signs(text: str, evidence: Evidence) -> dict[str, float]:
    """Return the figures by name, each of about the size of 1.

    Args:
        text: the message in plain words, as it was written.
        evidence: what a search for it found.
    """
    return {name: float(value) for name, value in (_form(text) | _nearness(text, evidence)).items()}


@dataclass(frozen=True, slots=True)
class _Put:
    """How a message is put: its words, those after its openers, and what they do."""

    words: tuple[str, ...]
    rest: tuple[str, ...]
    said: tuple[str, ...]
    """Without a wish like "can you tell me", in which "you" is nobody."""
    asks: bool
    auxiliary: bool
    after: tuple[str, ...]
    requests: bool
    exclaims: bool


@functools.lru_cache(maxsize=8)
def _read(text: str) -> _Put:
    bare = _LINK.sub(" ", text)
    words = tuple(each.text for each in find_words(bare))
    rest = _without_openers(words)
    # What is asked is often a sentence of its own at the end.
    last = _without_openers(
        tuple(each.text for each in find_words(re.split(r"[.,;!?]\s+", bare.strip())[-1]))
    )
    first, last_first = rest[:1], last[:1]
    wish, spoken = _WISHES.match(" ".join(rest)), " ".join(rest)
    exclaims = _EXCLAIMS.match(spoken) is not None
    asks = not exclaims and bool({*first, *last_first} & _ASKS)
    auxiliary = not asks and wish is None and bool({*first, *last_first} & _AUXILIARIES)
    return _Put(
        words=words,
        rest=rest,
        said=words if wish is None else tuple(spoken[wish.end() :].split()),
        asks=asks,
        auxiliary=auxiliary,
        after=rest[1:3] if set(first) & _AUXILIARIES else last[1:3],
        requests=not asks and (bool(set(first) & _REQUESTS) or wish is not None),
        exclaims=exclaims,
    )


def _without_openers(words: tuple[str, ...]) -> tuple[str, ...]:
    begins = next((at for at, word in enumerate(words) if word not in _OPENERS), len(words))
    return words[begins:]


def _form(text: str) -> dict[str, float]:
    put = _read(text)
    words, rest = put.words, put.rest
    pairs = set(pairwise(words))
    me = sum(word in _ME for word in put.said) - (put.requests and "me" in put.said)
    return {
        "asks_first": put.asks,
        "asks_within": not put.asks and bool(set(rest[1:]) & _ASKS),
        "auxiliary_first": put.auxiliary,
        "auxiliary_you": put.auxiliary and bool(set(put.after) & (_YOU | _ME | _ROOM)),
        "requests": put.requests,
        "about": bool(pairs & _ABOUT),
        "goes_on": words[:1] in {("and",), ("so",), ("but",)},
        "mark": "?" in _LINK.sub(" ", text),
        "you": min(sum(word in _YOU for word in put.said), _ENOUGH),
        "me": min(max(me, 0), _ENOUGH),
        "room": bool(set(words) & (_ROOM - {"there", "here"})),
        "absent": bool(set(words) & _ABSENT),
        "asks_absent": (put.asks or put.requests) and bool(set(put.said) & _ABSENT),
        "now": bool(set(words[1:]) & _NOW),
        "past": bool(set(words) & _PAST),
        "how_be": rest[:1] == ("hows",) or (rest[:1] == ("how",) and bool(set(rest[1:2]) & _BE)),
        "exclaims": put.exclaims,
        "laughs": _LAUGHS.search(text) is not None,
        "words": math.log1p(len(words)),
        "states": not (put.asks or put.auxiliary or put.requests),
    }


def _nearness(text: str, evidence: Evidence) -> dict[str, float]:
    put, peaks, content = _read(text), evidence.peaks, evidence.words
    unknown = math.fsum(word.rarity >= 1 for word in content) / len(content) if content else 0.0
    asks = put.asks or put.requests
    near = peaks["late_passage"]
    return {
        "content": math.log1p(len(content)),
        "sentence_vector": peaks["sentence_vector"],
        "late": peaks["late"],
        "late_before": peaks["late_before"],
        "late_passage": near,
        "unknown": unknown,
        "unknown_asked": unknown * asks,
        "names": min(sum(word.is_name for word in content), _ENOUGH),
        "near_asked": near * asks,
        "near_you": near * bool(set(put.said) & _YOU),
    }
