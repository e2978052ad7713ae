"""A date or a language as people write it -> as we keep it: ISO 8601, ISO 639-1."""

from __future__ import annotations

import re
from datetime import date, datetime

_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de "
    "dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id "
    "ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu "
    "lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu "
    "rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr "
    "ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu "
)
_LANGUAGES = frozenset(_ISO_639_1.split())
_NAMED_LANGUAGES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es",
    "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt", "dutch": "nl",
    "nederlands": "nl", "swedish": "sv", "svenska": "sv", "norwegian": "no", "norsk": "no", "danish": "da",
    "dansk": "da",
    "finnish": "fi", "suomi": "fi", "polish": "pl", "polski": "pl", "czech": "cs", "russian": "ru",
    "ukrainian": "uk", "greek": "el", "turkish": "tr", "hungarian": "hu", "romanian": "ro", "japanese": "ja",
    "chinese": "zh", "korean": "ko", "arabic": "ar", "hebrew": "he", "irish": "ga", "welsh": "cy",
    "icelandic": "is", "catalan": "ca", "hindi": "hi", "indonesian": "id", "vietnamese": "vi",
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt",
}  # fmt: skip
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAY = re.compile(
    r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+", re.IGNORECASE
)
_TIME = re.compile(r"(?:[T\s]|,\s*(?:at\s)?)\s*\d{1,2}:\d\d.*$")
_NAMED_DAY = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?\.?(?:\s+of)?[\s-]+([a-z]+)\.?,?[\s-]+(\d{4})", re.IGNORECASE
)
_NAMED_MONTH = re.compile(r"([a-z]+)\.?\s+(?:(\d{1,2})(?:st|nd|rd|th)?,?\s+)?(\d{4})", re.IGNORECASE)
_NUMBERS = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?|(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")


def read_date(written: str) -> str | None:
    """Return a day, a month or a year in ISO 8601, or ``None`` where it is no date.

    Of 3/4/2018, which is the fourth of March to some and the third of April to others, the year is known.
    """
    text = written.strip()
    if re.fullmatch(r"\d{8}", text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    try:
        return (
            datetime.fromisoformat(text).date().isoformat() if len(text) > len("2018-12-15") else _day(text)
        )
    except ValueError:
        return _day(_TIME.sub("", text))


def _day(written: str) -> str | None:  # noqa: PLR0911  form after form
    text = _WEEKDAY.sub("", written).strip()
    if re.fullmatch(r"\d{4}", text):
        return text
    if found := _NAMED_DAY.fullmatch(text):
        return _iso(found[3], _MONTHS.get(found[2].lower()), found[1])
    if found := _NAMED_MONTH.fullmatch(text):
        return _iso(found[3], _MONTHS.get(found[1].lower()), found[2])
    found = _NUMBERS.fullmatch(text)
    if found is None:
        return None
    if found[1]:
        return _iso(found[1], found[2], found[3])
    one, two = int(found[4]), int(found[5])
    year = found[6]
    days = {_iso(year, month, day) for day, month in ((one, two), (two, one))} - {None}
    if "." in text:
        return _iso(year, two, one)  # as all who write a full stop mean it
    return days.pop() if len(days) == 1 else year if days else None


def _iso(year: str, month: str | int | None, day: str | int | None) -> str | None:
    if month is None:
        return None
    try:
        whole = date(int(year), int(month), int(day or 1))
    except ValueError:
        return None
    return whole.isoformat() if day else whole.isoformat()[: len("2018-12")]


def read_language(written: str) -> str | None:
    """Return the language of a code such as ``en`` or ``en-US``, or of a name, or ``None``."""
    low = written.strip().lower()
    code = re.split(r"[-_]", low, maxsplit=1)[0]
    return code if code in _LANGUAGES else _NAMED_LANGUAGES.get(low) or _NAMED_LANGUAGES.get(code)
