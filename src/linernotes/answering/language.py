"""A question in a language that the corpus is not in: a search would find something all the same."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

# Of the words, so many must be strange before the language is looked at; names are strange in any.
_STRANGE = 0.5
_FEWEST_WORDS = 3
_SURE = 0.6
# Those that members of a server are likeliest to write in; each costs memory.
_LANGUAGES = "ar de en es fr hi id it ja ko nl pl pt ru sv tr uk vi zh".split()


def is_foreign(text: str, languages: Collection[str], is_known: Callable[[str], bool]) -> bool:
    """Say whether ``text`` is in a language (ISO 639-1) other than ``languages``.

    ``is_known`` says of a stem whether the corpus has it. The detector (``lingua``) is asked only where most
    words are neither the corpus's nor English stop words: short questions in plain English confuse it.
    """
    words = find_words(text)
    strange = [word for word in words if not (word.is_stop or is_known(word.stem))]
    if len(strange) <= _STRANGE * len(words) or (len(words) < _FEWEST_WORDS and text.isascii()):
        return False
    detector = _detector()
    best = detector.compute_language_confidence_values(text)[0]
    code = best.language.iso_code_639_1.name.lower()
    return best.value >= _SURE and code not in languages


@functools.cache
def _detector() -> Any:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, code.upper()) for code in _LANGUAGES]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_low_accuracy_mode().build()
