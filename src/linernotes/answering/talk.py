"""A message that is said to the bot itself -> what kind of talk it is: about the bot, thanks, or a goodbye.

What members say to the bot is told from what they ask of the article by examples: a message is compared, in
meaning, with things that people say to a bot and with questions that they ask about songs, and it is talk
where it is clearly nearer to the first. The nearest alone would take "who is he" for "who are you", so
there is a sign that must be there as well: who asks about the bot speaks to it ("you"), in words that are
about nothing else; and whatever names something that the articles speak of is a question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linernotes.models import Floats

Talk = Literal["greeting", "self", "thanks", "goodbye"]

EXAMPLES: Final[Mapping[Talk, tuple[str, ...]]] = {
    "greeting": (
        "hello",
        "hi",
        "hey",
        "good morning",
        "good evening",
        "hello there",
        "greetings",
        "how are you?",
        "nice to meet you",
        "okay",
        "haha",
    ),
    "self": (
        "who exactly are you?",
        "what are you, then?",
        "who am I talking to?",
        "what can you do for me?",
        "what can you help me with?",
        "how can you help?",
        "what can I ask you?",
        "what questions can I ask you?",
        "tell me your name",
        "what should I call you?",
        "are you a robot?",
        "are you human?",
        "are you an artificial intelligence?",
        "are you a language model?",
        "how does this bot work?",
        "how do you know all this?",
        "where do you have your answers from?",
        "who made you?",
        "who programmed you?",
        "who is your developer?",
        "introduce yourself",
        "tell us something about yourself",
        "what is your purpose?",
        "what are you good for?",
        "what do you do?",
        "what can this bot do?",
        "how do I use this bot?",
        "how do I ask you something?",
        "do you feel anything?",
        "are you alive?",
        "how old are you?",
        "what things do you know about?",
    ),
    "thanks": (
        "thank you",
        "thanks",
        "thanks a lot",
        "many thanks for your help",
        "thank you very much, that is what I was looking for",
        "thanks, that answers my question",
        "that helped me a lot",
        "very helpful",
        "I appreciate it",
        "nice, thanks",
        "perfect, that is all I needed",
        "well done, bot",
        "you are great",
        "great job",
        "what a good bot",
        "you are so helpful",
    ),
    "goodbye": (
        "bye bye",
        "goodbye",
        "good night",
        "see you",
        "see you tomorrow",
        "until next time",
        "I am leaving now, bye",
        "I have to leave, talk to you later",
        "gotta go",
        "take care",
        "have a nice day",
        "that was all, goodbye",
        "off to bed, good night",
        "cu later",
    ),
}
"""What is said to a bot, by kind. None of it is a test's."""

QUESTIONS: Final = (
    "who is that man?",
    "who is she?",
    "who are these people?",
    "who made this song?",
    "who wrote it?",
    "who sings it?",
    "who produced the track?",
    "who is the artist?",
    "who plays on it?",
    "who helped with the song?",
    "who does she thank?",
    "whom does the song thank?",
    "what is it?",
    "what is this about?",
    "what is the song about?",
    "what does it mean?",
    "what is the name of the singer?",
    "what is his name?",
    "what is the title?",
    "what does he do?",
    "what did he say about it?",
    "what did they say?",
    "what can you tell me about the singer?",
    "what do you know about the band?",
    "can you tell me when it was released?",
    "do you know where it was recorded?",
    "tell me about the album",
    "tell me about him",
    "when was it released?",
    "when did they break up?",
    "when did she leave?",
    "why did he leave the band?",
    "why did she say goodbye?",
    "is there a song called Thank You?",
    "is there a song about saying goodbye?",
    "how did it come about?",
    "how does the song end?",
    "how old is he?",
    "how did it help her?",
    "where is he from?",
    "where was it made?",
    "is he a robot in the video?",
    "was it made by a computer?",
    "which answer did he give?",
    "are you certain about that year?",
    "whom do you quote?",
    "thanks, and who sang it?",
    "okay, and what about the video?",
)
"""What members ask about songs, near to talk in its words."""

# By so much must a message be nearer to talk than to any question, and so near to talk at least.
_MARGIN: Final = 0.04
_LEAST: Final = 0.38

# Talk is short; so many words are looked at.
_LONGEST: Final = 14

_TO_BOT: Final = frozenset(
    "you your yours yourself u ur ya bot robot you're you've you'll you'd youre".split()
)
# "Can you tell me" is said to the bot, and is about something else.
_WISHES: Final = re.compile(
    r"\b(?:can|could|would|will|do|did) (?:you|u) (?:please )?(?:tell|say|know|show|give|explain|describe"
    r"|quote|find|remember|remind|mention|mean)\b(?! (?:me |us )?(?:about )?(?:you|your|yours|yourself)\b)"
    r"(?!\W*$)",
    re.IGNORECASE,
)
# Whoever of these is spoken of is not the bot.
_OTHERS: Final = frozenset(
    "he she they it him her them his hers its their theirs song songs track album record band singer artist"
    " lyrics video article articles".split()
)
_ASKS: Final = re.compile(r"\b(?:who|whom|whose|what|when|where|why|how|which)\b", re.IGNORECASE)
# "And when", "for how long", "at which point": a question after another.
_GOES_ON: Final = re.compile(
    r"\W*(?:and|but|so|or|for|at|in|on|to|of|with|by|from|since|until|till|than)\W+"
    r"(?:who|whom|whose|what|when|where|why|how|which)(?:'?s)?\b",
    re.IGNORECASE,
)
_BEGINS: Final = re.compile(
    r"\W*(?:(?:who|what|when|where|why|how)'?s?|whom|whose|which|did|do|does|is|are|was|were|has|have|had|can"
    r"|could|would|will|tell|name|list)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Ear:
    """The examples as a model sees them: ``talk`` and ``questions`` have a unit vector in each row."""

    kinds: tuple[Talk, ...]
    talk: Floats
    questions: Floats

    @classmethod
    def of(cls, embed: Callable[[Sequence[str]], Sequence[Floats]]) -> Ear:
        """Return what hears talk with a model; ``embed`` gives a unit vector for each text."""
        kinds = [(kind, text) for kind, texts in EXAMPLES.items() for text in texts]
        vectors = np.stack(list(embed([*(text for _, text in kinds), *QUESTIONS])))
        return cls(tuple(kind for kind, _ in kinds), vectors[: len(kinds)], vectors[len(kinds) :])

    def kind_of(self, text: str, vector: Floats, is_name: Callable[[str], bool]) -> Talk | None:
        """Return what kind of talk a message is; ``None`` for what may be a question.

        Args:
            text: the message in plain words.
            vector: what the model makes of it.
            is_name: says of a word in small letters whether the articles write it as a name alone.
        """
        words = [word.text for word in find_words(text)]
        if not words or any(map(is_name, words)):
            return None
        possible = np.array([_may_be(kind, text, words) for kind in self.kinds])
        near = np.where(possible, self.talk @ vector, -1.0)
        best = int(near.argmax())
        far = float(near[best]) < max(_LEAST, float((self.questions @ vector).max()) + _MARGIN)
        return None if far else self.kinds[best]


def may_be_talk(text: str) -> bool:
    """Say of a message in plain words whether it can be talk at all; nothing is embedded for it."""
    words = find_words(text)
    if not words or len(words) > _LONGEST:
        return False
    asks = "?" in text or _BEGINS.match(text) is not None
    return not asks or bool(_TO_BOT & {word.text for word in words})


def _may_be(kind: Talk, text: str, words: Sequence[str]) -> bool:
    """Say whether a message is put as talk of this kind is."""
    if kind != "self":
        # What asks for something after the thanks is a question.
        begins = _BEGINS.match(text) or _GOES_ON.match(text)
        return not begins and not (_ASKS.search(text) and "?" in text)
    if _OTHERS & set(words) or _WISHES.search(text):
        return False
    return bool(_TO_BOT & set(words))
