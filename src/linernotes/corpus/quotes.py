"""Document -> Quote: who is quoted, in which words, and by which outlet.

Quotation marks are paired within each block; what they hold counts as a quotation where somebody is said to
have said it, or where it stands alone as whole sentences. Block quotes, paragraphs after a lead-in and the
replies of an interview are quotations without marks. All rules are about form: verbs, colons, dashes.

What a reader may ask about: a new sentence in marks after "said X." is a quotation of its own, one that goes
on after the attribution is the same quotation. A job title is no part of a name ("Mayor", "Sen."), "Dr." is.
An outlet that speaks for itself ("according to Pitchfork") is the source; its speaker is unknown. Of an
interview the replies are quotations, the questions are not. The text is all that stands between the marks.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import functools
import re
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from linernotes.models import Block, Document, Quote

if TYPE_CHECKING:
    from collections.abc import Sequence

Span = tuple[int, int]


def find_quotes(document: Document) -> tuple[Quote, ...]:
    """Return the quotations of a document in the order of the text; their spans never overlap.

    ``speaker`` is the fullest name that the text has given by then, ``source`` the outlet; each is ``None``
    where the text does not say. The time taken grows with the length of the text alone.
    """
    found = _Finder(document).find()
    return tuple(
        Quote(
            spans=tuple(each.spans),
            text=" ".join(document.text[start:end] for start, end in each.spans),
            speaker=each.speaker,
            source=each.source,
            document=document.name,
        )
        for each in found
    )


# --- Quotation marks --------------------------------------------------------------------------------------


class _Pair(NamedTuple):
    """Quotation marks and what they hold: ``start``, ``end`` inside, ``open``, ``close`` outside."""

    open: int
    start: int
    end: int
    close: int


@dataclass(slots=True)
class _Open:
    kind: str
    at: int
    weak: int = -1


_MARK = re.compile("[\"'“”„‟‘’‚«»‹›「」『』]")
_CLIPPED = re.compile(
    r"(?:\d{2}s?\b|(?:n|em|til|till|cause|cuz|tis|twas|bout|round|neath|gainst|fraid|tude|hood|specially)\b)",
    re.IGNORECASE,
)
_BEFORE_OPEN = "([{-–—/:=;,"
_DOUBLE_OPEN = {"“": "“", "„": "“", "‟": "“", "「": "「", "『": "『", "‚": "‘"}
_DOUBLE_CLOSE = {"”": "“", "」": "「", "』": "『"}


class _Marks:
    """Pairs the marks of one stretch of text; an open mark that nothing closes disturbs no other pair."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.stack: list[_Open] = []
        self.counts: dict[str, int] = {}
        self.pairs: list[_Pair] = []
        for mark in _MARK.finditer(text, start, end):
            self._mark(mark[0], mark.start())
        self.unclosed = [each for each in self.stack if each.kind in '"“«' and each.weak < 0]
        while self.stack:
            self._drop()

    def outer(self) -> list[_Pair]:
        """Return the pairs that stand within no other, in order."""
        kept: list[_Pair] = []
        for pair in sorted(self.pairs):
            if (not kept or pair.open >= kept[-1].close) and pair.start < pair.end:
                kept.append(pair)
        return kept

    def _mark(self, mark: str, at: int) -> None:
        before = self.text[at - 1] if at > self.start else " "
        after = self.text[at + 1] if at + 1 < self.end else " "
        opens = (before.isspace() or before in _BEFORE_OPEN or before in "\"'“‘«„") and not after.isspace()
        if mark == '"':
            self._straight(at, before, opens=opens and not (before in ",;:" and self._is_open('"')))
        elif mark in "'‘’":
            self._single(mark, at, before, after, opens=opens)
        elif mark in "«»‹›":
            kind = "«" if mark in "«»" else "‹"
            if mark == kind:
                # »So«, as German prints it, turns the marks round.
                closes = self._is_open("»") and not before.isspace()
                self._close("»", at) if closes else self._push(kind, at)
            elif self._is_open(kind):
                self._close(kind, at)
            elif opens:
                self._push("»", at)
        elif (mark == "“" and self._is_open("„") and not before.isspace()) or (
            mark == "”" and self._is_open("„")
        ):
            self._close("„", at)
        elif mark in _DOUBLE_CLOSE:
            self._close(_DOUBLE_CLOSE[mark], at)
        else:
            self._push("„" if mark in "„‟" else _DOUBLE_OPEN[mark], at)

    def _straight(self, at: int, before: str, *, opens: bool) -> None:
        if opens:
            self._push('"', at)
        elif before.isdigit() and self._is_open('"'):
            self._close_weakly('"', at)  # inches, unless no better end comes
        elif not before.isspace():
            self._close('"', at)

    def _single(self, mark: str, at: int, before: str, after: str, *, opens: bool) -> None:
        kind = "'" if mark == "'" else "‘"
        if mark == "‘" or (mark == "'" and opens):
            if not opens or _CLIPPED.match(self.text, at + 1, self.end):
                return
            if self._is_open(kind) and any(each.kind == kind and each.weak >= 0 for each in self.stack[-2:]):
                self._close(kind, next(each.weak for each in self.stack[-2:] if each.kind == kind))
            self._push(kind, at)
        elif not (after.isalnum() or before.isspace()) and self._is_open(kind):
            # "the boys' van", "runnin' late": an apostrophe, unless no better end comes.
            tail = self.text[max(self.start, at - 2) : at]
            if after.isspace() and (before in "sxz" or tail == "in" or before.isdigit() or tail == " n"):
                self._close_weakly(kind, at)
            else:
                self._close(kind, at)

    def _is_open(self, kind: str) -> bool:
        return self.counts.get(kind, 0) > 0

    def _push(self, kind: str, at: int) -> None:
        self.stack.append(_Open(kind, at))
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def _close_weakly(self, kind: str, at: int) -> None:
        top = self.stack[-1]
        if top.kind == kind and top.weak < 0:
            top.weak = at

    def _close(self, kind: str, at: int) -> None:
        if not self._is_open(kind):
            return
        while self.stack[-1].kind != kind:
            self._drop()
        top = self.stack.pop()
        self.counts[kind] -= 1
        self._pair(top.at, at)

    def _drop(self) -> None:
        top = self.stack.pop()
        self.counts[top.kind] -= 1
        if top.weak >= 0:
            self._pair(top.at, top.weak)

    def _pair(self, opened: int, closed: int) -> None:
        start, end = _strip(self.text, opened + 1, closed)
        self.pairs.append(_Pair(opened, start, end, closed + 1))


def _strip(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


# --- Words ------------------------------------------------------------------------------------------------


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SAY_WRITTEN = (
    "said says told tells wrote writes added adds asked asks recalled recalls argued argues explained "
    "explains noted notes replied replies answered answers remembered remembers insisted insists joked "
    "jokes laughed laughs continued continues admitted admits claimed claims declared declares announced "
    "announces observed observes remarked remarks stated states tweeted tweets posted posts commented "
    "comments concluded concludes confessed confesses conceded concedes countered counters cried cries "
    "exclaimed exclaims shouted shouts whispered whispers warned warns testified testifies quipped quips "
    "mused muses reflected reflects responded responds retorted retorts agreed agrees disagreed disagrees "
    "complained complains promised promises vowed vows predicted predicts urged urges stressed stresses "
    "emphasized emphasizes emphasised suggested suggests maintained maintains revealed reveals pleaded "
    "pleads demanded demands wondered wonders rapped raps sang sings sighed sighs smiled smiles shrugged "
    "shrugs texted texts emailed emails blogged proclaimed proclaims opined opines protested protests "
    "boasted boasts objected objects offered offers lamented laments grinned grins clarified clarifies "
    "elaborated elaborates reasoned reasons repeated repeats begged begs bragged brags contended contends "
    "asserted asserts affirmed acknowledged acknowledges cautioned cautions deadpanned deadpans "
    "interjected snapped snaps yelled yells screamed screams murmured muttered mutters shared shares "
    "counseled advised advises thundered preached preaches recounted recounts mentioned mentions points "
    "pointed chimed chimes "
)
_CALL_WRITTEN = (
    "called calls described describes dismissed dismisses praised praises hailed hails criticized "
    "criticised characterized characterised denounced denounces likened likens compared compares labeled "
    "labelled deemed derided mocked summarized summarised referred refers "
)
_GOING_WRITTEN = (
    "saying adding writing explaining telling noting recalling insisting joking arguing declaring asking "
    "replying admitting claiming remarking stating tweeting posting commenting concluding confessing "
    "conceding warning observing remembering suggesting promising shouting calling describing dismissing "
    "praising hailing referring comparing likening"
)
_SAY = _set(_SAY_WRITTEN)
_CALL = _set(_CALL_WRITTEN)
_GOING = _set(_GOING_WRITTEN)
_PLURAL_SAY = _set(
    "say tell write argue recall insist remember explain ask call describe admit claim agree joke"
)
_TERMS = _set("call calls describe")
_PLURAL = _set("they we fans critics people both all who officials police prosecutors reviewers scholars")
# These are as often nouns: "his liner notes", "the answers".
_NOUNS = _set(
    "notes comments claims states answers shares posts tweets reasons points counters demands objects "
    "reports calls texts emails protests offers promises smiles laughs jokes cries counters adds"
)
_PHRASES = re.compile(
    r"\b(?:put (?:it|this)|puts (?:it|this)|sum(?:s|med) (?:it|this|things) up|went on|goes on|went further"
    r"|heard to say|heard saying|goes further|ha[sd] this to say|quoted as saying|gave this answer"
    r"|spoke (?:of|about|up)|speaks (?:of|about)|has it)\b"
)
_ADVERBS = _set(
    "has have had also then later once still even just would will could did does do can often always "
    "usually recently famously soon finally simply only first since himself herself themselves both all "
    "again again, further back now ever likes once, instead quickly has, 've 's 'd 'll bluntly flatly "
    "candidly too"
)
_BE = _set("is was are were been being be")
_PREPOSITIONS = _set(
    "with of by to for about from against between than in on at into over under after before during near "
    "via per alongside including like unlike featuring versus vs without behind through upon beside "
    "beyond"
)
_PARTICLES = "de|la|le|van|der|den|von|und|bin|ibn|al|el|da|dos|das|di|du|del|della|ter|ten|af|y"
_PRONOUNS = _set("he she they it we i you")
_DETERMINERS = _set(
    "the a an one another his her their my our its some many several this that each every two three four "
    "most other both"
)
_STARTERS = _set(
    "a an and as at after although because before but by during each even every for from he her here his "
    "how however i if in into it its later like many most my no nor not now of off on once one only or "
    "our out over perhaps she since so some still such than that their then there these they this those "
    "though through to today too two under unlike until up was we were what when where whether which "
    "while who whom whose why with without yes yet you your asked according speaking writing talking "
    "pressed another both meanwhile afterwards instead yesterday tonight tomorrow finally eventually soon "
    "again also recently said says says, adds added recalls wrote writes explains asks born raised did "
    "does do is are has have had can could would should might about around between within despite given "
    "thanks three four five six ten all any few other maybe just well back often sometimes never always "
    "first second last next early late"
)
_MUSICAL = _set(
    "rapper singer artist musician star producer guitarist drummer bassist pianist songwriter composer mc "
    "emcee dj frontman frontwoman vocalist performer lyricist singer-songwriter trumpeter saxophonist "
    "violinist cellist keyboardist percussionist author writer poet comedian comic actor actress director "
    "filmmaker entertainer icon legend veteran native superstar newcomer crooner conductor bandleader "
    "multi-instrumentalist playwright novelist painter photographer"
)
_OFFICES = _set(
    "mayor president senator sen. governor gov. representative rep. congressman congresswoman councilman "
    "councilwoman councilor councillor chief detective sheriff officer sergeant sgt. lieutenant lt. "
    "captain capt. colonel col. general gen. judge justice attorney commissioner chairman chairwoman "
    "chair director secretary minister chancellor premier ambassador superintendent deputy professor "
    "coach pastor bishop archbishop spokesman spokeswoman spokesperson principal dean inspector district "
    "county state police vice prime former ex-president alderman supervisor manager assistant congress "
    "rabbi imam"
)
_CRITICAL = _set(
    "critic historian journalist biographer scholar musicologist engineer lawyer reporter editor "
    "columnist reviewer activist academic curator archivist sociologist economist scientist researcher "
    "philosopher essayist publisher lawyer organizer teacher foreman owner founder executive"
)
_ROLES = _MUSICAL | _OFFICES | _CRITICAL
_SHORT = {
    "sen.": "senator",
    "gov.": "governor",
    "rep.": "representative",
    "sgt.": "sergeant",
    "capt.": "captain",
}
_GROUPS = _set("band group duo trio quartet quintet collective ensemble crew outfit orchestra choir")
_HONORIFICS = _set("dr. mr. mrs. ms. miss prof. rev. sir dame lord lady st. hon. fr. sister brother")
_FEMALE = _set(
    "mother mom mum sister daughter wife aunt grandmother girl woman lady niece spokeswoman actress "
    "girlfriend widow queen mrs. ms. miss dame frontwoman congresswoman councilwoman chairwoman "
    "businesswoman heroine"
)
_MALE = _set(
    "father dad brother son husband uncle grandfather boy man nephew spokesman actor boyfriend widower "
    "king mr. sir frontman congressman councilman chairman businessman gentleman foreman"
)
_HUMAN = (
    _FEMALE
    | _MALE
    | _set(
        "spokesperson fan reader listener friend neighbor neighbour resident officer official lawyer "
        "student teacher driver witness critic cousin manager parent child colleague source guest caller "
        "viewer customer tourist reporter doctor nurse guard insider representative audience passer-by "
        "mentor engineer executive owner publicist bystander attendee worker employee member co-worker "
        "classmate roommate partner spouse"
    )
)
_SPEAKERS = _HUMAN | _ROLES | _GROUPS
_CUTS = _PREPOSITIONS | frozenset({"who", "whose", "that", "and"})
_THINGS = _set(
    "sign signs banner banners poster posters t-shirt sticker label headline placard placards plaque "
    "title caption cover shirt billboard inscription graffiti"
)
_SPEECH_NOUNS = re.compile(
    r"\b(?:words?|answer|reply|response|statement|advice|verdict|comment|explanation|motto|warning|message|tweet"
    r"|post|caption|e-?mail|letter|note|apology|farewell|conclusion|recollection|assessment|quote|quotation|speech"
    r"|reaction|remarks?|plea|admission|mantra|philosophy|summary)\b"
)
_TERM = re.compile(
    r"\b(?:words?|phrases?|terms?|so-called|nicknamed|dubbed|titled|entitled|known as|billed as)\s*,?\s*$"
)
_WORK = re.compile(
    r"\b(?:songs?|singles?|albums?|tracks?|EPs?|LPs?|mixtapes?|films?|movies?|videos?|shows?|books?|novels?|poems?"
    r"|titled|entitled|named|nicknamed|dubbed|known as|so-called|words?|phrases?|terms?|series|hits?|anthems?"
    r"|billed as|ballads?|tunes?|record|column|headlined|labell?ed|play|episode)\s*,?\s*$"
)
# A name's gender, where a common one tells it; the text's own "he" and "she" tell the others.
_WOMEN = _set(
    "mary ana anna anne ann maria laura sarah sara emma julia lisa linda susan karen nancy jane joan helen "
    "ruth alice rosa grace claire clara diana denise donna carol carla maya mia nina nora olivia sophia "
    "sophie emily ella eva kate katherine catherine elizabeth jennifer jessica amy angela amanda michelle "
    "nicole rachel rebecca rose ruby sandra stephanie teresa tina vanessa victoria yvonne ines elena "
    "andrea gail pearl lorraine mette alicia aisha fatima keisha beyoncé rihanna adele dolly aretha nia "
    "leila layla lena hannah heather janet joni judy lauren lucy marie margaret martha monica naomi "
    "patricia paula priya sonia tanya tracy wendy zoe dorothy esther"
)
_MEN = _set(
    "john paul george james robert michael david william richard joseph thomas tom charles chris "
    "christopher daniel dan matthew mark marcus anthony steven stephen andrew joshua kenneth ken kevin "
    "brian edward ed ronald timothy jason jeff jeffrey ryan jacob gary eric jonathan larry justin scott "
    "brandon benjamin ben samuel sam frank gregory raymond patrick jack dennis jerry tyler aaron henry "
    "henrik adam peter nathan zachary walter walt kyle carl karl arthur roger keith jeremy terry lawrence "
    "sean christian albert joe ethan austin jesse willie bill billy bruce bryan ralph roy jordan eugene "
    "louis luis philip bobby johnny will lars jonas josiah wendell tomás bruno emeka omar ali ahmed "
    "mohammed juan carlos jorge pedro diego dave mike steve tim jim bob ray lou leo max oscar hugo ossie "
    "teddy ted harold howard victor simon martin alan neil nick nicholas"
)

_LETTER = r"[^\W\d_a-zß-ÿ]"
_CAP = rf"{_LETTER}[\w$!]*(?:(?:[.\-&]|['’](?!s\b))[\w$]+)*"
_DOTTED = r"(?:[A-Z]|Dr|Mr|Mrs|Ms|St|Jr|Sr|Prof|Rev|Sen|Gov|Rep|Gen|Lt|Sgt|Capt|Col|Hon|Fr)\.(?=\s)"
_TOKEN = rf"(?:{_DOTTED}|{_CAP})"
_NICKNAME = rf"(?:[\"“‘']{_CAP}(?: {_CAP}){{0,2}}[\"”’'] )?"
_RUN = re.compile(
    rf"(?<![\w'’$])(?:\d{{1,3}} )?{_TOKEN}"
    rf"(?: (?:(?:{_PARTICLES}|the(?= (?:Rapper|Creator|Great|Kid|God))) ){{0,2}}{_NICKNAME}{_TOKEN}){{0,5}}"
    rf"(?:, Jr\b\.?)?(?: (?!19|20)\d{{1,4}}(?![\w,.]| {_LETTER}))?"
)
_WORD = re.compile(r"[\w$'’.&-]*[\w$]\.?|[^\w\s]")
_CALENDAR = _set(
    "january february march april may june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday christmas easter spring summer autumn winter"
)

_SHORTEST_ADVERB = 5
_FIRST_NAMES_TOO = _set("may april june august summer autumn")


# --- Outlets ----------------------------------------------------------------------------------------------

_OUTLETS_WRITTEN = (
    "gq, npr, bbc, cnn, complex, billboard, pitchfork, rolling stone, vibe, spin, variety, vulture, "
    "wired, genius, nme, mojo, uncut, the wire, the source, xxl, the fader, fader, rap radar, hiphopdx, "
    "esquire, vogue, time, newsweek, politico, slate, salon, the ringer, stereogum, consequence, paste, "
    "essence, ebony, jet, forbes, people, mtv, bet, vh1, allmusic, the atlantic, the new yorker, new "
    "yorker, the guardian, guardian, reuters, associated press, the associated press, vanity fair, "
    "entertainment weekly, apple music, gramophone, the independent, interview, vice, noisey, the a.v. "
    "club, clash, dazed, crack, the quietus, resident advisor, kerrang, kerrang!, downbeat, the root, "
    "buzzfeed, der spiegel, le monde, el país, the breakfast club, drink champs, bloomberg, axios, espn, "
    "deadline, the nation, harper's, the economist, usa today, melody maker, sound on sound, spex, les "
    "inrockuptibles"
)
_OUTLETS = frozenset(_OUTLETS_WRITTEN.split(", "))
_OUTLET_WORDS = _set(
    "times post news magazine radio journal herald tribune weekly review courier gazette press daily "
    "chronicle observer telegraph tv fm podcast globe star examiner sun standard dispatch record mirror "
    "mail mag quarterly courier-journal journal-constitution sentinel bulletin register inquirer ledger "
    "echo today show hour network nightly tonight express digest reader voice zeitung television "
    "broadcasting online wire music"
)
_NO_OUTLETS = (
    _set(
        "twitter x instagram facebook tiktok youtube snapchat reddit myspace threads congress parliament "
        "senate court america england britain france germany japan china canada london paris berlin "
        "atlanta chicago boston detroit houston memphis nashville brooklyn harlem tokyo rome madrid "
        "dublin lagos toronto washington philadelphia seattle oakland compton queens manchester liverpool "
        "god english french spanish german latin"
    )
    | _CALENDAR
)
_OUTLET = (
    rf"(?:[Tt]he )?(?:(?:Les|Le|La|Der|Die|Das|El|Il) )?{_CAP}(?: (?:(?:of|on|and|du|de|des) )?{_CAP}){{0,4}}"
    rf"(?: \d{{1,2}}(?!\w)(?: {_CAP})?)?"
)
_MADE_WRITTEN = (
    "interview conversation chat profile statement letter essay op-ed article column piece review story "
    "email e-mail feature talk session Q&A sit-down discussion "
    "appearance remarks comments segment podcast episode"
)
_MADE = f"(?:{'|'.join(_MADE_WRITTEN.split())})"
# Each with the words of which it needs one: to look for them first takes a tenth of the time.
_SOURCES = tuple(
    (tuple(words.split()), re.compile(pattern))
    for words, pattern in (
        (
            "tell told remind assur inform",
            rf"\b(?:told|tells?|telling|reminded|assured|informed)\s+({_OUTLET})",
        ),
        (_MADE_WRITTEN, rf"\b{_MADE}s?(?: \w+){{0,2}}? (?:with|to|for|in|by|on)(?: the same)? ({_OUTLET})"),
        (
            "peaking talk spoke speaks sat",
            (
                rf"\b(?:[Ss]peaking|[Tt]alking|speaks|spoke|talk(?:s|ed)|sat down)(?: \w+)? "
                rf"(?:to|with|on) ({_OUTLET})"
            ),
        ),
        (
            "riting wrote writes written",
            rf"\b(?:[Ww]riting|wrote|writes|written)(?: \w+){{0,3}}? (?:in|for) ({_OUTLET})",
        ),
        ("sked interviewed quoted", rf"\b(?:[Aa]sked|interviewed|quoted)(?: \w+)? (?:by|in) ({_OUTLET})"),
        (
            "podcast show issue program edition",
            (
                rf"\b(?:on|in|to|by|for|with) ({_OUTLET})['’]s? (?:\w+ ){{0,3}}"
                r"(?:podcast|show|issue|program|edition)"
            ),
        ),
        ("podcast show radio program", rf"\bon ({_OUTLET})(?= (?:podcast|show|radio|program)\b)"),
        (_MADE_WRITTEN, rf"\b(?:[Ii]n|[Oo]n|[Ff]or) (?:an? |the )({_CAP}(?: {_CAP}){{0,2}}) {_MADE}\b"),
        (
            "to",
            rf"\b(?:said|joked|explained|admitted|confessed|remarked|revealed|complained) to ({_OUTLET})",
        ),
        ("ccording", rf"\b[Aa]ccording to ({_OUTLET})"),
    )
)
_ANY_OUTLET = re.compile(
    rf"(?<![\w'’$.-])(?:[Tt]he )?{_CAP}(?: {_CAP}){{0,4}}(?: \d{{1,2}}(?!\w)(?: {_CAP})?)?"
)
_BEFORE_OUTLET = re.compile(r"\b(?:of|from|at|in|on|for)\s$")
_AFTER_OUTLET = re.compile(
    rf"['’]s? (?={_CAP})|\s(?:called|calls|wrote|writes|describes?d?|said|says|reported|praised|hailed)\b"
)
_SAME_OUTLET = re.compile(
    r"\b(?:told|tells|to|for|with|in|by) (?:the|that)(?: same)? (?:magazine|paper|newspaper|station|website"
    r"|publication|outlet|programme|podcast|network|broadcaster|show|journal)\b"
)


# --- Names ------------------------------------------------------------------------------------------------


class _Mention(NamedTuple):
    """A name where it stands. ``subject``: nothing before it makes it an object or a part of something."""

    start: int
    end: int
    name: str
    subject: bool


@functools.lru_cache(maxsize=4096)
def _norm(name: str) -> tuple[str, ...]:
    return tuple(token for token in re.split(r"\s+", name.casefold().replace("’", "'")) if token)


_NO_SUBJECT = _PREPOSITIONS | frozenset({"and", "or", "&", "told", "tells"})
_KIN = (_FEMALE | _MALE) - _HONORIFICS
_BREAK = re.compile(r"[.!?;:\n]")
_IS_GROUP = re.compile(r"(?:, (?:a|an|the) | \w+ )(?:[\w-]+ ){0,3}(?:band|group|duo|trio)\b")
_IS_PERSON = re.compile(r",? (?:who\b|whose\b|born\b)| \(born|, \d\d,")
_IS_CALLED = re.compile(r", (?:a|an|the|[\w’']+['’]s?) ((?:[\w-]+ ){0,3}[\w-]+)")
_DOES = re.compile(r"(?: \w+ly| also| later| then| has| had)? (\w+)")
_SHE = re.compile(r"\b(?:she|her|herself)\b")
_HE = re.compile(r"\b(?:he|his|him|himself)\b")


class _Cast:
    """Who is named where, to be asked who a surname, a pronoun or "the rapper" is."""

    def __init__(self, text: str, artist: str | None) -> None:
        """Read the names of ``text``, from which quotations and headings have been blanked."""
        self.text = text
        self.mentions: list[_Mention] = []
        self.known: dict[str, list[tuple[int, str]]] = {}
        self.people: set[str] = set()
        self.roles: dict[str, list[tuple[int, str]]] = {}
        self.groups: list[tuple[int, str]] = []
        self.gender: dict[str, str] = {}
        if artist:
            for name in re.split(
                r"\s*(?:,|&|\band\b|\bfeat\b\.?|\bft\b\.?|\bfeaturing\b|\bwith\b)\s*", artist
            ):
                if name and _RUN.fullmatch(name):
                    self._know(-1, name)
                    self.people.add(name)
        for run in _RUN.finditer(text):
            self._read(run)
        self.starts = [mention.start for mention in self.mentions]
        self._settle()

    def _read(self, run: re.Match[str]) -> None:
        name, shift, role = _clean(run[0], self)
        if not name:
            return
        start = run.start() + shift
        before = self.text[max(0, run.start() - 40) : run.start()]
        words = before.split()
        near = words and before[-1:].isspace() and "\n" not in before[-2:]
        last = words[-1].casefold().rstrip(",") if near else ""
        after = self.text[run.end() : run.end() + 60]
        subject = last not in _NO_SUBJECT and after[:2] not in {"'s", "’s", "' ", "’ "}
        self.mentions.append(_Mention(start, run.end(), name, subject))
        full = self.full(name, start)
        tokens = _norm(name)
        if len(tokens) > 1:
            self._know(start, name)
        role = role or (last if last in _ROLES else "")
        if role:
            self.person(full, start, role)
        if tokens[0] in _WOMEN | _MEN | _HONORIFICS or full != name:
            self.people.add(full)
        many = len(tokens) > 2 and tokens[0] == "the" and tokens[-1].endswith("s")  # noqa: PLR2004
        if last in _GROUPS or many:
            self.groups.append((start, full))
        kin = {word.strip(",").casefold() for word in words[-4:]} & _KIN
        if kin and not _BREAK.search(before, max(0, len(before) - 25)):
            self.people.add(full)
            self.gender.setdefault(full, "she" if kin & _FEMALE else "he")
        if after[:1] in {" ", ","}:
            self._learn(full, start, after)

    def _learn(self, full: str, start: int, after: str) -> None:
        """Learn from the words behind a name whether it is a person's or a group's."""
        if _IS_GROUP.match(after):
            self.groups.append((start, full))
        told = _DOES.match(after)
        if _IS_PERSON.match(after) or (told and told[1] in _SAY | _CALL):
            self.people.add(full)
        apposition = _IS_CALLED.match(after)
        for word in apposition[1].split() if apposition else ():
            if word in _ROLES:
                self.person(full, start, word)
            elif word in _HUMAN:
                self.people.add(full)

    def _know(self, start: int, name: str) -> None:
        tokens = _norm(name)
        for token in {tokens[-1], tokens[0], *tokens} - {"the", "dr.", "jr.", "and"}:
            held = self.known.setdefault(token.strip("\"'“”‘"), [])
            if not held or held[-1][1] != name:
                held.append((start, name))

    def person(self, name: str, start: int, role: str) -> None:
        self.people.add(name)
        insort(self.roles.setdefault(_SHORT.get(role, role), []), (start, name))
        if role in _FEMALE:
            self.gender.setdefault(name, "she")
        elif role in _MALE:
            self.gender.setdefault(name, "he")

    def _settle(self) -> None:
        """Learn who is "he" and who "she": from first names, else from a sentence that names one person."""
        votes: dict[str, int] = {}
        for index, mention in enumerate(self.mentions):
            full = self.full(mention.name, mention.start)
            votes.setdefault(full, 0)
            if not mention.subject:
                continue
            following = self.starts[index + 1] if index + 1 < len(self.starts) else len(self.text)
            end = min(following, mention.end + 120)
            stop = _BREAK.search(self.text, mention.end, end)
            end = stop.start() if stop else end
            votes[full] += len(_SHE.findall(self.text, mention.end, end))
            votes[full] -= len(_HE.findall(self.text, mention.end, end))
        for name, vote in votes.items():
            first = next((token for token in _norm(name) if token not in _HONORIFICS), "")
            title = _norm(name)[0]
            if title in _FEMALE or first in _WOMEN:
                self.gender.setdefault(name, "she")
            elif title in _MALE or first in _MEN:
                self.gender.setdefault(name, "he")
            elif vote:
                self.gender.setdefault(name, "she" if vote > 0 else "he")

    def full(self, name: str, at: int) -> str:  # noqa: C901
        """Return the fullest form of ``name`` that stands before ``at``."""
        tokens = _norm(name)
        if tokens[-1] not in self.known:
            return name
        titled = tokens[0] in _HONORIFICS or tokens[0] in _OFFICES
        bare = tokens[1:] if titled and len(tokens) > 1 else tokens
        if len(bare) > 1 and bare[0] not in _PARTICLES.split("|"):
            for start, known in self.known[bare[-1]][:40]:
                if start < at and len(_norm(known)) > len(tokens) and _norm(known)[-len(bare) :] == bare:
                    return known
            return name
        best: str | None = None
        rank = 0
        for start, known in self.known.get(bare[-1], ())[:40]:
            if start >= at:
                break
            parts = _norm(known)
            if len(parts) <= len(tokens) and titled and parts[-1] == tokens[-1] and parts[0] in _HONORIFICS:
                continue
            if parts[-len(bare) :] == bare:
                weight = 3
            elif parts[0] == bare[0] or (parts[0] in _HONORIFICS and parts[1] == bare[0]):
                weight = 2
            else:
                weight = 1
            weight += 4 if known in self.people else 0
            if weight > rank:  # of two who share a surname, it alone means the one named first
                best, rank = known, weight
        return best or name

    def is_person(self, name: str) -> bool:
        """Say whether the text shows that ``name`` is a person's."""
        return name in self.people

    def within(self, start: int, end: int) -> Sequence[_Mention]:
        """Return the mentions that begin in ``[start, end)``."""
        return self.mentions[bisect_left(self.starts, start) : bisect_left(self.starts, end)]


def _clean(run: str, cast: _Cast) -> tuple[str, int, str]:
    """Return a run of capitalised words without what opens the sentence or is an office; and the office."""
    shift, role = 0, ""
    name = run
    while True:
        head, _, rest = name.partition(" ")
        low = head.casefold()
        if not rest:
            if low in _STARTERS or low in _CALENDAR or low in _PRONOUNS or low == "the":
                return "", 0, ""
            if low.rstrip("s") in _ROLES | _HUMAN | _GROUPS:
                return "", 0, ""
            return name, shift, role
        drop = (
            low in _STARTERS
            or (low in _CALENDAR and low not in _FIRST_NAMES_TOO)
            or (low.endswith("ly") and len(low) > _SHORTEST_ADVERB)
        )
        tokens = rest.split()
        if low.rstrip("s") in _MUSICAL | _CRITICAL | _GROUPS or (low in _OFFICES and len(tokens) > 1):
            drop, role = True, low
        elif low == "the" and tokens[0].casefold() in _ROLES | _STARTERS:
            drop = True
        elif len(tokens) > 1 and any(token.casefold() in _OFFICES | _MUSICAL for token in tokens[:-1]):
            # "Atlanta Mayor Keisha Lance Bottoms": what stands before the office goes with it.
            drop = low not in _HONORIFICS and tokens[-2].casefold() != "the"
        elif low in _OFFICES and cast.full(rest, 1 << 60) != rest:
            drop, role = True, low
        if not drop:
            return name, shift, role
        shift += len(head) + 1
        name = rest


# --- Finding ----------------------------------------------------------------------------------------------

_BOUND = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+(?=[\"“„‘'«»(\[]*(?:[^\W_a-zß-ÿ]|~))|\n+")
_NO_BOUND = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|St|Jr|Sr|Prof|Rev|Sen|Gov|Rep|Gen|Lt|Sgt|Capt|Col|Hon|feat|ft|vs|No|Vol|ca)"
    r"|(?<![\w.])[A-Z]|\b[A-Z]\.[A-Z])\.$"
)
_TERMINAL = (".", "?", "!", "…", "—", "–", "-")
_LEAD = re.compile(r"[:：]\s*$")
_DASH = re.compile(r"\s*(?:[—–―⸺]|--)\s?(?=\S)|\s*-\s(?=\S)")
_CALLOUT = re.compile(
    r"\s*(?:\[!\w+\]|(?:Note|Tip|Warning|Important|Caution|Update|Editor.s note|TL;DR)\b\s*:)", re.IGNORECASE
)
_PLAIN_WORD = re.compile(r"[\w$’'.&-]*[\w$]")
_REACH = 400
_LONG_DASH_LINE = 14
_FRAGMENT = 4
_BACK = 8
_NEAR = 50
_SMALL = _STARTERS | _PREPOSITIONS | _BE | _set("nor yet so s t ve re ll m d de la vs feat n")
_LINKS = re.compile(r"[\s,;]*(?:and|or|but|as well as|then|and then|or even|and even|yet)?[\s,;]*(?:as )?")
_ANEW = re.compile(r"\b(?:adding|added|adds|replied|replies|answered|answers|continuing|before \w+ing)\b")
_OWN_WORDS = re.compile(rf"\b[Ii]n (?:(his|her|their)|({_CAP}(?: {_CAP}){{0,3}})['’]s?) (?:own )?words\b")
_BY = re.compile(r"\b(?:called|described|praised|hailed|dismissed|dubbed|summarized|summed up) by\s+")
_CREDIT = re.compile(r"(?:[Aa]ccording to|[Ii]n the words of|[Aa]s told by)\s+")
_ROLE_AHEAD = re.compile(rf"(?:[a-z][\w'’-]* ){{0,3}}([a-z][\w-]*) (?={_CAP})")
_IS_SO = re.compile(
    r"(?:is|was|are|were|remains?|seems?|sounds?|['’]s)\b[^:]*:\s*$|:\s*$|, [^:]*\b(?:is|was)\b[^:]*:\s*$"
)
_THE_ROLE = re.compile(r"The ([a-z\d][\w-]*) ([a-z][\w-]*)")
_GUEST = re.compile(
    rf"\b(?:[Ii]nterview with|[Ss](?:poke|at down) (?:to|with)|talked (?:to|with)|[Cc]onversation with"
    rf"|caught up with|asked) (?:the )?(?:[a-z]+ )?({_RUN.pattern})"
)
_LEADING = re.compile(
    r"(?:In|On|At|From|After|Before|During|Asked|Pressed|Speaking|Writing|Talking|When|As|For|By|Since|Later|Then"
    r"|While|With|To|Over|Years|Back|Still)\b[^,]{0,140},\s"
)
_ACRONYMS = _set("us usa uk la tv dj mc ep lp nyc eu un fbi cia nypd lapd naacp riaa r&b ceo nba nfl nasa")
_PEOPLES = re.compile(r"\w+(?:ists|ians|cans|mans|crats)")
_DETERMINED = re.compile(r"\b(?:the|a|an|his|her|their|its|this|these|those|such|of)\s*$")
_BODIES = _set(
    "senate council court police department committee university house board union academy church nation "
    "agency office association society school college institute foundation ministry records panel jury "
    "assembly county city state fans audience crowd hall festival center centre museum awards"
)
_FIRST_PERSON = re.compile(r"\b(?:I|[Ww]e|[Mm]y|[Oo]ur|[Mm]e|us|[Yy]ou|[Yy]our)\b")


@dataclass(slots=True)
class _Said:
    """A quotation that was found.

    ``close`` is where its marks end, ``told`` where its attribution does; ``after``: it stands behind.
    """

    spans: list[Span]
    speaker: str | None
    source: str | None
    close: int = 0
    told: int = 0
    after: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """Marked text: what it holds, block by block, and its outer marks."""

    spans: tuple[Span, ...]
    open: int
    close: int
    last: Block


@dataclass(frozen=True, slots=True)
class _Subject:
    """Who is said to speak: a name, a pronoun or a noun ("the rapper"), and where that stands."""

    kind: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Told:
    """An attribution: ``subject`` is ``None`` where there is a verb, but nobody who does it."""

    subject: _Subject | None
    verb: str
    start: int
    end: int


class _Finder:
    """Goes through a document's blocks once."""

    def __init__(self, document: Document) -> None:
        self.text = document.text
        self.blocks = [block for block in document.blocks if block.start < block.end]
        self.found: list[_Said] = []
        self.marked: dict[int, list[_Mark]] = {}
        self.inline: set[int] = set()
        self._pair()
        self.masked = self._mask()
        self.cast = _Cast(self.masked, document.artist)
        self.bounds = self._bounds()
        self.events: list[tuple[int, str | None]] = []
        self.guest: str | None = None
        self.labels: dict[str, str | None] = {}
        self.turns = _turns(self.text, self.blocks)

    # Marks, and the text without what stands in them

    def _pair(self) -> None:
        """Pair the marks of each block, and join what is opened again at the head of the next paragraph."""
        carried: list[Span] = []
        opened = 0
        owner = -1
        for index, block in enumerate(self.blocks):
            self.marked[index] = []
            if block.kind in {"heading", "code", "row"}:
                carried = []
                continue
            marks = _Marks(self.text, block.start, block.end)
            pairs = [pair for pair in marks.outer() if not self._is_nickname(pair, block)]
            heads = [each for each in marks.unclosed if each.at == block.start]
            onward = self._goes_on(index, marks.unclosed)
            if carried and not heads and pairs and pairs[0].open == block.start:
                first = pairs.pop(0)
                spans = (*carried, (first.start, first.end))
                self.marked[owner].append(_Mark(spans, opened, first.close, block))
                carried = []
            if onward is not None:
                pairs = [pair for pair in pairs if pair.close <= onward]
                if not carried:
                    owner, opened = index, onward
                carried.append(_strip(self.text, onward + 1, block.end))
            elif carried and heads:
                # The last paragraph was never closed: it ends with its block.
                spans = (*carried, _strip(self.text, block.start + 1, block.end))
                self.marked[owner].append(_Mark(spans, opened, block.end, block))
                carried, pairs = [], []
            self.marked[index] += [
                _Mark(((pair.start, pair.end),), pair.open, pair.close, block) for pair in pairs
            ]
            if block.kind == "quote" and pairs and pairs[0].open == block.start:
                rest = self.text[pairs[-1].close : block.end].strip()
                if len(pairs) > 1 or (rest and not _DASH.match(rest)):
                    self.inline.add(index)

    def _goes_on(self, index: int, unclosed: Sequence[_Open]) -> int | None:
        """Return where a quotation opens that the next block, opening its marks again, goes on with."""
        if not unclosed or index + 1 >= len(self.blocks):
            return None
        block, following = self.blocks[index], self.blocks[index + 1]
        if following.kind != block.kind or block.kind == "quote":
            return None
        each = unclosed[0] if unclosed[0].at == block.start else unclosed[-1]
        if self.text[following.start] not in {self.text[each.at], "»" if each.kind == "«" else each.kind}:
            return None
        return each.at

    def _is_nickname(self, pair: _Pair, block: Block) -> bool:
        """Say whether marks stand within a name: Michael "Killer Mike" Render."""
        low, high = max(block.start, pair.open - 30), min(block.end, pair.close + 30)
        before, after = self.text[low : pair.open], self.text[pair.close : high]
        inside = self.text[pair.start : pair.end]
        return (
            len(inside) < 30  # noqa: PLR2004
            and re.search(rf"(?:^|[\s(]){_CAP} $", before) is not None
            and re.match(rf" {_CAP}", after) is not None
            and re.fullmatch(rf"{_CAP}(?: {_CAP}){{0,2}}", inside) is not None
            and before.split()[-1].casefold() not in _STARTERS | _ROLES
        )

    def _mask(self) -> str:
        """Return the text with what others say, headings and code blanked, of the same length."""
        parts: list[str] = []
        at = 0

        def blank(start: int, end: int) -> None:
            nonlocal at
            if start < at or start >= end:
                return
            parts.append(self.text[at:start])
            last = self.text[end - 1]
            parts.append("~" * (end - start - 1) + (last if last in ".?!…," else "~"))
            at = end

        spans: list[Span] = [span for marks in self.marked.values() for mark in marks for span in mark.spans]
        for index, block in enumerate(self.blocks):
            if block.kind in {"heading", "code", "row"} or (
                block.kind == "quote" and index not in self.inline
            ):
                spans.append((block.start, block.end))
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            blank(start, end)
        parts.append(self.text[at:])
        return "".join(parts)

    def _bounds(self) -> list[int]:
        """Return where sentences begin, roughly, marked text counting as nothing."""
        found = [0]
        for match in _BOUND.finditer(self.masked):
            if match[0][0] != "\n":
                stop = match.start() + len(match[0].rstrip())
                if _NO_BOUND.search(self.masked, max(0, match.start() - 8), match.start() + 1) and stop:
                    continue
            found.append(match.end())
        return found

    def _sentence(self, at: int, floor: int) -> int:
        """Return where the sentence begins that the offset ``at`` stands in or after."""
        index = bisect_left(self.bounds, at + 1) - 1
        return max(self.bounds[max(index, 0)], floor, at - _REACH)

    def _sentence_end(self, at: int, limit: int) -> int:
        """Return where the sentence ends that goes on at ``at``, or that begins there at once."""
        skip = at
        while skip < limit and self.masked[skip] in " ,":
            skip += 1
        index = bisect_left(self.bounds, skip + 1)
        end = self.bounds[index] if index < len(self.bounds) else limit
        return min(end, limit, at + _REACH)

    # Blocks

    def find(self) -> list[_Said]:
        index = 0
        lead: tuple[int, int] | None = None
        while index < len(self.blocks):
            block = self.blocks[index]
            following = index + 1
            if index in self.turns:
                following = self._turn(index)
                lead = None
            elif block.kind in {"heading", "code", "row"}:
                lead = None
            elif block.kind == "quote" and index not in self.inline:
                following = self._block_quote(index, lead)
                lead = None
            elif lead is not None and block.kind == "paragraph" and self._is_plain(index):
                following = self._plain(index, lead)
                lead = None
            else:
                if not self._dash_block(index):
                    self._paragraph(index, lead)
                lead = self._lead(block)
            index = following
        self.found.sort(key=lambda each: each.spans[0])
        return _apart(self.found)

    def _lead(self, block: Block) -> tuple[int, int] | None:
        """Return the sentence of a block that introduces what follows, if its last one does."""
        if not _LEAD.search(self.masked, max(block.start, block.end - 4), block.end):
            return None
        return self._sentence(block.end - 1, block.start), block.end

    def _is_plain(self, index: int) -> bool:
        """Say whether a paragraph may be a quotation without marks."""
        block = self.blocks[index]
        text = self.text[block.start : block.end]
        wrapped = any(mark.open == block.start for mark in self.marked[index])
        return not wrapped and len(text.split()) > 2 and not _LEAD.search(text)  # noqa: PLR2004

    def _introduced(self, lead: tuple[int, int]) -> _Told | None:
        """Return who is said, in a sentence that ends in a colon, to say what follows."""
        told = self._before(*lead)
        if told is not None:
            return told
        sentence = self.masked[lead[0] : lead[1]]
        noun = _SPEECH_NOUNS.search(sentence)
        if noun is None:
            return None
        owner = None
        for mention in self.cast.within(*lead):
            if self.masked[mention.end : mention.end + 2] in {"'s", "’s"}:
                owner = _Subject("name", mention.name, mention.start, mention.end)
        return _Told(owner, noun[0], lead[0] + noun.start(), lead[1])

    def _block_quote(self, index: int, lead: tuple[int, int] | None) -> int:  # noqa: C901
        """Take a block quote, of one block or several, and the line that names its speaker."""
        spans: list[Span] = []
        speaker: str | None = None
        source: str | None = None
        told = self._introduced(lead) if lead is not None else None
        if lead is not None:
            speaker, source = self._who(told), self._source(lead)
        begin, closed = self.blocks[index].start, False
        while index < len(self.blocks) and self.blocks[index].kind == "quote" and index not in self.inline:
            block = self.blocks[index]
            named = self._dash_line(block.start, block.end)
            if spans and not named and _RUN.fullmatch(self.text, block.start, block.end):
                named = self.cast.full(self.text[block.start : block.end], block.start), None
            if named and spans:
                speaker, source = named[0], named[1] or source
                index += 1
                break
            if closed:
                break
            span, dash = self._unwrap(index)
            index += 1
            if _CALLOUT.match(self.text, *span) or not _PLAIN_WORD.search(self.text, *span):
                continue
            spans.append(span)
            if dash:
                speaker, source = dash[0], dash[1] or source
                break
            if self.text[span[1] : span[1] + 1] in {'"', "”", "»"} and span[1] < block.end:
                closed = True
        if spans:
            said = _Said(spans, speaker, source, spans[-1][1], spans[-1][1])
            self.found.append(said)
            if speaker:
                self.events.append((begin, speaker))
        return index

    def _unwrap(self, index: int) -> tuple[Span, tuple[str | None, str | None] | None]:
        """Return a block without its marks and the dash line at its end, and whom that names."""
        block = self.blocks[index]
        start, end = block.start, block.end
        dash: tuple[str | None, str | None] | None = None
        cut = self.text.rfind("\n", start, end)
        pairs = self.marked[index]
        if pairs and pairs[0].open == start and pairs[-1] is pairs[0] and len(pairs[0].spans) == 1:
            rest = pairs[0].close
            dash = self._dash_line(rest, end) if self.text[rest:end].strip() else None
            if dash or not self.text[rest:end].strip():
                return pairs[0].spans[0], dash
        if cut > 0:
            dash = self._dash_line(cut + 1, end)
            if dash:
                end = cut
        if dash is None:
            for each in re.finditer(r"[.!?…][\"”’»]?\s+(?=[—–―]\s?\S)", self.text[start:end]):
                named = self._dash_line(start + each.end(), end)
                if named:
                    dash, end = named, start + each.end()
                    break
        start, end = _strip(self.text, start, end)
        if self.text[start] in '"“«' and self.text[end - 1] in '"”»' and end - start > 2:  # noqa: PLR2004
            start, end = _strip(self.text, start + 1, end - 1)
        elif self.text[start] in '"“' and not pairs and end - start > 1:
            start += 1
        return (start, end), dash

    def _plain(self, index: int, lead: tuple[int, int]) -> int:
        """Take a paragraph without marks after a lead-in, and those after it in the same voice."""
        block = self.blocks[index]
        told = self._introduced(lead)
        if told is None:
            self._paragraph(index, None)
            return index + 1
        speaker, source = self._who(told), self._source(lead)
        spans: list[Span] = []
        voice = _FIRST_PERSON.search(self.text, block.start, block.end) is not None
        while True:
            span, dash = self._unwrap(index)
            spans.append(span)
            index += 1
            if dash:
                speaker, source = dash[0] or speaker, dash[1] or source
                break
            if not (voice and index < len(self.blocks) and self._same_voice(index, speaker)):
                break
        self.found.append(_Said(spans, speaker, source, spans[-1][1], spans[-1][1]))
        if speaker:
            self.events.append((lead[0], speaker))
        return index

    def _same_voice(self, index: int, speaker: str | None) -> bool:
        block = self.blocks[index]
        if block.kind != "paragraph" or self.marked[index] or index in self.turns:
            return False
        text = self.text[block.start : block.end]
        if (
            not _FIRST_PERSON.search(text)
            or _LEAD.search(text)
            or re.search(r"\b(?:he|she) (?:said|says)\b", text)
        ):
            return False
        names = set(_norm(speaker)) if speaker else set()
        return not any(names & set(_norm(each.name)) for each in self.cast.within(block.start, block.end))

    def _dash_block(self, index: int) -> bool:
        """Take a block that only names the speaker of the quotation before; say whether it is one."""
        block = self.blocks[index]
        named = self._dash_line(block.start, block.end)
        if named is None:
            return False
        if self.found and index and self.blocks[index - 1].start <= self.found[-1].spans[-1][0]:
            last = self.found[-1]
            if not self.masked[last.close : self.blocks[index - 1].end].strip('~. "”'):
                last.speaker, last.source = named[0], named[1] or last.source
        return True

    def _dash_line(  # noqa: C901
        self, start: int, end: int
    ) -> tuple[str | None, str | None] | None:
        """Return speaker and source of a line such as "— Killer Mike, GQ", or ``None`` where it is none."""
        dash = _DASH.match(self.text, start, end)
        if not dash or end - dash.end() > _REACH // 2:
            return None
        line = self.text[dash.end() : end].split("\n")[0]
        if len(line.split()) > _LONG_DASH_LINE or "\n" in self.text[dash.end() : end].strip():
            return None
        run = re.match(r"(?:(?:the |an? )?(?:[a-z-]+ ){1,3})?", line)
        name = _RUN.match(line, run.end() if run else 0)
        if not name or re.search(r"[.!?:;]\s*$", line[name.end() :]):
            return None
        rest = line[name.end() :]
        if (
            rest
            and rest[0] not in ",(;/"
            and not re.match(r" (?:in|to|for|on|via|speaking|from|of|at|\()", rest)
        ):
            return None
        cleaned = _clean(name[0], self.cast)[0] or name[0]
        if self._is_outlet(cleaned, sure=True):
            return None, cleaned
        speaker = self.cast.full(cleaned, dash.end())
        self.cast.people.add(speaker)
        source = None
        for _, pattern in _SOURCES:
            found = pattern.search(rest)
            if found and self._is_outlet(found[1]):
                source = _outlet(found[1])
        if source is None:
            for part in re.split(r"[,(;/]|\b(?:in|to|for|on|via)\b", rest)[1:]:
                part = re.sub(r"[)\s]+$|\s*\b\d{4}\b.*$", "", part.strip())  # noqa: PLW2901
                if part and self._is_outlet(part, sure=True):
                    source = _outlet(part)
                    break
        return speaker, source

    # Turns of an interview

    def _turn(self, index: int) -> int:
        """Take the turns of a block, and the paragraphs that a reply goes on in."""
        marks = {mark.open: mark for mark in self.marked[index]}
        turns = self.turns[index]
        following = index + 1
        for start, end, label, asks in turns:
            if asks:
                continue
            spans = [_strip(self.text, start, end)]
            mark = marks.get(spans[0][0])
            if mark is not None and mark.close == spans[0][1]:
                spans = list(mark.spans)
            if label not in self.labels:
                self.labels[label] = self._label(label)
            speaker = self.labels[label]
            if spans[0][0] < spans[0][1]:
                self.found.append(_Said(spans, speaker, None, end, end))
        return following

    def _label(self, label: str) -> str | None:
        if label in {"A", "Answer"}:
            return self._guest()
        tokens = _norm(label)
        if len(tokens) == 1:
            named = [known for _, known in self.cast.known.get(tokens[0], ()) if len(_norm(known)) > 1]
            people = [each for each in named if self.cast.is_person(each)] or named
            if people:
                return people[0]
            if label.isupper() and len(label) <= 3:  # noqa: PLR2004  initials
                fits = {
                    name
                    for name in self.cast.people
                    if "".join(part[0] for part in name.split()).upper() == label
                }
                return fits.pop() if len(fits) == 1 else None
            return label
        for _, known in self.cast.known.get(tokens[-1], ()):
            if _norm(known) == tokens:
                return known
        return label

    def _guest(self) -> str | None:
        """Return whom an interview of questions and answers is with, if its introduction says so."""
        if self.guest is None:
            self.guest = ""
            for found in _GUEST.finditer(self.text, 0, 10 * _REACH):
                name = _clean(found[1], self.cast)[0]
                if name and not self._is_outlet(name, sure=True):
                    self.guest = self.cast.full(name, found.start())
                    break
        return self.guest or None

    # Marked text within a paragraph

    def _paragraph(self, index: int, lead: tuple[int, int] | None) -> None:
        """Judge each piece of marked text in a block."""
        block = self.blocks[index]
        marks = self.marked[index]
        last: _Said | None = None
        if self.found and block.start < self.found[-1].close <= block.end:
            last = self.found[-1]  # it began in a paragraph before
        for number, mark in enumerate(marks):
            nxt = marks[number + 1].open if number + 1 < len(marks) else block.end
            limit = nxt if mark.last is block else mark.last.end
            last = self._judge(block, mark, limit, last, lead if mark.open == block.start else None) or last
        if not marks:
            self._unmarked(block)

    def _unmarked(self, block: Block) -> None:
        """Take a paragraph whose last line names, after a dash, who says the lines before."""
        cut = self.text.rfind("\n", block.start, block.end)
        if cut > 0 and block.kind == "paragraph":
            named = self._dash_line(cut + 1, block.end)
            if named and named[0]:
                self.found.append(
                    _Said([_strip(self.text, block.start, cut)], named[0], named[1], cut, block.end)
                )

    def _judge(  # noqa: C901, PLR0911, PLR0912
        self, block: Block, mark: _Mark, limit: int, last: _Said | None, lead: Span | None
    ) -> _Said | None:
        """Return what is quoted by ``mark``, unless it is a title, a term or nothing that anybody says."""
        floor = last.close if last is not None else block.start
        begin = self._sentence(mark.open, floor)
        before = self.masked[begin : mark.open]
        content = _Content.of(
            " ".join(self.text[start:end] for start, end in mark.spans),
            self.text[mark.close : mark.close + 1],
        )
        if not content.words:
            return None
        if last is not None and self._goes_on_after(last, mark):
            last.spans += mark.spans
            last.close, last.after = mark.close, False
            last.told = mark.close if content.ends else self._sentence_end(mark.close, mark.last.end)
            return last
        starts = not before.strip(" (—–-\n~")
        if starts and len(content.words) > 1:
            line = self.text.find("\n", mark.close + 2, min(mark.last.end, mark.close + _REACH))
            dash = self._dash_line(mark.close, line if line > 0 else mark.last.end)
            if dash is not None:
                return self._add(_Said(list(mark.spans), dash[0], dash[1], mark.close, mark.last.end))
        after = self._after(mark, limit, content)
        if after is not None and self._is_spoken(before, content, after, starts=starts):
            end = self._sentence_end(mark.close, mark.last.end)
            return self._keep(mark, after, [(begin, mark.open), (mark.close, end)], told=end)
        if lead is not None and starts and len(content.words) > 1:
            introduced = self._introduced(lead)
            if introduced is not None:
                return self._keep(mark, introduced, [lead], told=mark.close)
        if starts:
            return self._standing(block, mark, last, begin, content)
        told = self._before(begin, mark.open)
        where = [(begin, mark.open)]
        if not content.text.endswith((".", "!", "?")):
            where.append((mark.close, self._sentence_end(mark.close, mark.last.end)))
        if told is not None and self._is_said(before, told, mark.open, content):
            if told.subject is None and last is not None and begin == floor and last.speaker:
                return self._add(_Said(list(mark.spans), last.speaker, last.source, mark.close, mark.close))
            return self._keep(mark, told, where, told=where[-1][1] if len(where) > 1 else mark.close)
        if last is not None and begin == floor and content.is_fragment and _LINKS.fullmatch(before):
            return self._add(_Said(list(mark.spans), last.speaker, last.source, mark.close, mark.close))
        if told is None and content.is_sentence and _LEAD.search(before):
            by = self._introduced((begin, mark.open)) or self._stance(begin, mark.open)
            return self._keep(mark, by, where, told=mark.close)
        return None

    def _add(self, said: _Said) -> _Said:
        self.found.append(said)
        return said

    def _keep(self, mark: _Mark, by: _Told | None, where: Sequence[Span], *, told: int) -> _Said:
        """Add a quotation that somebody says; ``where`` are the stretches that may name the outlet."""
        speaker = self._who(by)
        source = None
        if by is not None and by.subject is not None:
            subject = by.subject
            if subject.kind == "name" and self._is_outlet(subject.value, sure=True):
                source = _outlet(subject.value)
            elif speaker is not None or subject.value in _HUMAN | _ROLES:
                self.events.append((subject.start, speaker))
        for span in where:
            source = source or self._source(span)
        after = by is not None and by.start >= mark.close
        return self._add(_Said(list(mark.spans), speaker, source, mark.close, told, after))

    def _goes_on_after(self, last: _Said, mark: _Mark) -> bool:
        """Say whether a quotation goes on after "…," said X, "…"."""
        gap = self.masked[last.close : min(mark.open, last.close + _REACH)]
        if not last.after or len(gap) >= _REACH or _ANEW.search(gap):
            return False
        opened = last.close + len(gap) - len(gap.lstrip(" ,"))
        index = bisect_left(self.bounds, opened + 1)
        within = index < len(self.bounds) and self.bounds[index] <= mark.open
        return not within and gap.rstrip().endswith((",", ";", ":", "—", "–", "-"))

    def _is_spoken(self, before: str, content: _Content, after: _Told, *, starts: bool) -> bool:
        """Say whether marked text with an attribution behind it was said, and is no title in a sentence."""
        if _is_thing(after.subject):
            return False
        if starts:
            goes_on = re.compile(r",? (?:is|was|were|has|had|became|went|sounds|makes)\b").match(
                self.masked, after.end
            )
            if content.title and goes_on:
                return False
            return content.ends or content.comma or content.is_fragment
        if content.title and not content.text.endswith(("?", "!")):
            return False
        if content.comma and len(content.words) <= 2 * _FRAGMENT and _WORK.search(before):
            return content.text[:1].islower() and len(content.words) >= _FRAGMENT
        return content.is_fragment or (len(before.split()) < 3 and (content.ends or content.comma))  # noqa: PLR2004

    def _is_said(  # noqa: PLR0911
        self, before: str, told: _Told, at: int, content: _Content
    ) -> bool:
        """Say whether marked text behind an attribution was said: it is no title, term or nickname."""
        if _is_thing(told.subject):
            return False
        if told.verb in _TERMS and told.subject is not None and told.subject.kind == "role":
            return False  # "what engineers call …"
        if _LEAD.search(before):
            return (content.ends and not (content.title and content.outside == ",")) or content.is_fragment
        if content.title and not (content.text.endswith((".", "!", "?")) and before.rstrip().endswith(",")):
            return False
        if before.rstrip().endswith(","):
            near = at - told.end < _NEAR or self.masked[told.end : told.end + 1] == ","
            return near and (content.is_fragment or (content.ends and content.text[:1].isupper()))
        if _TERM.search(before) or (_WORK.search(before) and content.text[:1].isupper()):
            return False
        if (
            len(content.words) < _FRAGMENT + 2
            and _DETERMINED.search(before)
            and not told.verb.startswith("call")
        ):
            return False  # the "guardians of the tradition": a term
        return content.is_fragment

    def _standing(
        self, block: Block, mark: _Mark, last: _Said | None, begin: int, content: _Content
    ) -> _Said | None:
        """Judge marked text that stands alone: whole sentences are a quotation."""
        near = last is not None and mark.open - last.told < _NEAR
        if last is not None and near and not self.masked[min(last.told, mark.open) : mark.open].strip():
            if not (content.ends or content.is_fragment):
                return None
            return self._add(_Said(list(mark.spans), last.speaker, last.source, mark.close, mark.close))
        rest = self.masked[mark.close : min(mark.last.end, mark.close + 9)].lstrip()
        if not content.is_sentence or rest[:1].islower() or (rest and rest[0] in ",;:"):
            return None
        told: _Told | None = None
        where: list[Span] = []
        if begin > block.start + 1 and (last is None or last.close < begin):
            previous = self._sentence(begin - 2, max(block.start, last.close if last else 0))
            told = self._before(previous, begin)
            if told is not None and begin - told.end > _NEAR // 2:
                told = None
            if told is not None:
                where = [(previous, begin)]
        return self._keep(mark, told, where, told=mark.close)

    # Who speaks

    def _after(self, mark: _Mark, limit: int, content: _Content) -> _Told | None:  # noqa: C901, PLR0911
        """Return the attribution behind marked text: "said X", "X, a critic, wrote", "according to X"."""
        stop = min(limit, self._sentence_end(mark.close, mark.last.end))
        at = mark.close
        while at < stop and self.masked[at] in " ,\n—–-":
            at += 1
        first = _PLAIN_WORD.match(self.masked, at, stop)
        if first is None:
            return None
        low = first[0].casefold()
        if content.text.endswith(".") and first[0][0].isupper() and content.outside != ",":
            return None
        own = _OWN_WORDS.match(self.masked, at, stop)
        if own:
            return self._own_words(own)
        by = _CREDIT.match(self.masked, at, stop)
        if by:
            subject = self._noun(by.end(), stop)
            return _Told(subject, "according", at, subject.end) if subject else None
        word: re.Match[str] | None = first
        while word and (low.endswith("ly") or low in {"then", "later", "once"}) and low not in _SAY:
            word = _PLAIN_WORD.match(self.masked, min(word.end() + 1, stop), stop)
            low = word[0].casefold() if word else ""
        if (
            word
            and word[0][0].islower()
            and low in _SAY | _PLURAL_SAY
            and low not in {"told", "tells", "tell"}
        ):
            subject = self._noun(word.end() + 1, stop)
            return _Told(subject, low, at, subject.end) if subject else None
        subject = self._noun(at, stop)
        if subject is None or (subject.kind == "pronoun" and subject.value == "it"):
            return None
        end = self._verb_after(subject, stop)
        if end is None:
            return None
        if content.text.endswith(("?", "!", ".")) and first[0][0].isupper():
            # After a question a new sentence may begin, which tells what else is said.
            tail = self.masked[end:stop]
            if re.match(r" (?:that|it|she|he|they|the|his|her|nothing|no|yes)\b", tail) or _LEAD.search(tail):
                return None
        return _Told(subject, "said", at, end)

    def _own_words(self, own: re.Match[str]) -> _Told:
        """Return the attribution "in her own words" or "in Bell's words"."""
        if own[1]:
            value = {"his": "he", "her": "she"}.get(own[1], "they")
            return _Told(_Subject("pronoun", value, *own.span(1)), "words", *own.span())
        name = _clean(own[2], self.cast)[0]
        return _Told(_Subject("name", name, *own.span(2)) if name else None, "words", *own.span())

    def _verb_after(self, subject: _Subject, stop: int) -> int | None:
        """Return the end of the verb of saying that ``subject`` does, directly or after an apposition."""
        value = subject.value.casefold()
        plural = value in _PLURAL or " and " in value or value.endswith("s")
        for steps, word in enumerate(_WORD.finditer(self.masked, subject.end, stop)):
            low = word[0].casefold().rstrip(".")
            if low in _SAY or (plural and low in _PLURAL_SAY):
                return word.end()
            phrase = _PHRASES.match(self.masked, word.start(), stop)
            if phrase:
                return phrase.end()
            if steps > _LONG_DASH_LINE or not (low in _ADVERBS or low.endswith("ly")):
                break
        rest = self.masked[subject.end : min(stop, subject.end + 160)]
        if not re.match(r", |,? \(|,? (?:who|whose|of|from|for|at|in|with|on)\b", rest):
            return None
        before = ""
        for word in _WORD.finditer(rest):
            low = word[0].casefold()
            if low in ".!?;:":
                return None
            bare = low.rstrip(".")
            if (bare in _SAY or (plural and bare in _PLURAL_SAY)) and before not in _DETERMINERS | {"to"}:
                return subject.end + word.end()
            before = low
        return None

    def _before(self, start: int, end: int) -> _Told | None:
        """Return the attribution in ``[start, end)``, before what is said: the last verb with a subject."""
        words = list(_PLAIN_WORD.finditer(self.masked, start, end))
        phrases = {phrase.start(): phrase for phrase in _PHRASES.finditer(self.masked, start, end)}
        verb: tuple[str, int, int] | None = None
        for index in range(len(words) - 1, -1, -1):
            word = words[index]
            low = word[0].casefold()
            phrase = phrases.get(word.start())
            if phrase is None and not self._is_verb(words, index, low):
                continue
            stop = phrase.end() if phrase else word.end()
            verb = verb or (low, word.start(), stop)
            if index == 0 and low in _SAY:
                subject = self._noun(word.end() + 1, end)
            elif low in _GOING and phrase is None:
                subject = None
            else:
                subject = self._left(start, word.start())
            if subject is not None:
                return _Told(subject, *verb)
        own = _OWN_WORDS.search(self.masked, start, end)
        if own:
            return self._own_words(own)
        credit = _CREDIT.search(self.masked, start, end) or _BY.search(self.masked, start, end)
        if credit:
            subject = self._noun(credit.end(), end)
            # "According to Mongolian ideology" names nobody.
            noun = re.match(r" ([a-z]+)", self.masked[subject.end : end]) if subject is not None else None
            goes_on = noun is None or noun[1] in _DETERMINERS | _CUTS | _BE | _PRONOUNS | _SAY
            if subject is not None and (subject.kind != "name" or goes_on):
                return _Told(subject, "according", credit.start(), subject.end)
        return None if verb is None else _Told(self._opening(start, verb[1]), *verb)

    def _is_verb(self, words: Sequence[re.Match[str]], index: int, low: str) -> bool:
        """Say whether a word is a verb of saying: it is none in "his notes", "to say", "a song called"."""
        before = words[index - 1][0].casefold() if index else ""
        if low in _PLURAL_SAY:
            return before in _PLURAL or before.endswith("s")
        if not (low in _SAY or low in _CALL or low in _GOING):
            return False
        if before in {"to", "not", "never"}:
            return False
        gap = self.masked[words[index - 1].end() : words[index].start()] if index else ""
        if low in _NOUNS and not gap.strip() and (before in _DETERMINERS or before.endswith(("'s", "’s"))):
            return False
        earlier = words[index - 2][0].casefold() if index > 1 else ""
        if before.endswith("ly") or before in {"also", "often", "sometimes", "later", "once"}:
            before, earlier = earlier, ""
        if before in _BE and low not in _GOING:
            return False
        return low not in {"called", "described", "labeled", "labelled", "deemed"} or self._is_active(
            words, index
        )

    def _is_active(self, words: Sequence[re.Match[str]], index: int) -> bool:
        subject = self._left(words[0].start(), words[index].start())
        if subject is not None and (
            subject.kind != "role" or {subject.value, subject.value.rstrip("s")} & _SPEAKERS
        ):
            return True
        return any(
            word[0].casefold() in {"and", "but", "later", "who", "has", "had", "have", "then"}
            for word in words[max(0, index - 3) : index]
        )

    def _left(self, start: int, end: int) -> _Subject | None:
        """Return the subject that ends where a verb begins, adverbs and an apposition passed over."""
        left = self.masked[max(start, end - _REACH // 2) : end].rstrip()
        start = max(start, end - _REACH // 2)
        while True:
            last = re.search(r"(?<![\w$'’.-])[\w$'’.-]{1,30},?$", left[-40:])
            if not last:
                break
            low = last[0].casefold()
            if not (low in _ADVERBS or (low.endswith("ly") and last[0][0].islower())):
                break
            left = left[: len(left) - len(last[0])].rstrip()
        if left.endswith(")") and "(" in left:
            left = left[: left.rfind("(")].rstrip()
        relative = re.search(r",? who(?:['’]s)?$", left[-9:])
        if relative:
            left = left[: len(left) - len(relative[0])]
        subject = self._ending(start, left)
        if subject is not None or not left.endswith(","):
            return subject
        return self._apposed(start, left[:-1])

    def _apposed(self, start: int, left: str) -> _Subject | None:
        """Return who is meant by "Paul Hartley, a critic" and "Marsh's wife, Joan"."""
        parts = left.split(", ")
        if len(parts) < 2:  # noqa: PLR2004
            return None
        offset = start + len(left) - len(parts[-1])
        head = ", ".join(parts[:-1])
        run = _RUN.match(parts[-1])
        if run and head[-1:].islower() and not _RUN.search(head.rsplit(maxsplit=1)[-1]):
            name = _clean(run[0], self.cast)[0]
            if name and (
                run.end() == len(parts[-1]) or parts[-1][run.end() :].startswith((" of ", " from "))
            ):
                return _Subject("name", name, offset, offset + run.end())
        for back in range(1, min(len(parts), 4)):
            subject = self._ending(start, ", ".join(parts[:-back]))
            if subject is not None:
                return subject
        return None

    def _ending(self, start: int, left: str) -> _Subject | None:  # noqa: C901, PLR0911
        """Return the name, pronoun or noun that ``left``, which begins at ``start``, ends with."""
        tail = max(0, len(left) - 90)
        last = re.search(r"[\w$'’.&-]{1,40}$", left[-40:])
        if not last:
            return None
        low = last[0].casefold()
        end = start + len(left)
        if low in _PRONOUNS:
            return _Subject("pronoun", low, end - len(low), end)
        owner = re.search(rf"(?<=\w) (?:of|for|from|at|with) (?:the )?{_CAP}(?: {_CAP}){{0,3}}$", left[tail:])
        if owner:
            subject = self._ending(start, left[: len(left) - len(owner[0])])
            if subject is not None:
                return subject
        for run in _RUN.finditer(left, tail):
            name, shift, _ = _clean(run[0], self.cast) if run.end() == len(left) else ("", 0, "")
            if name:
                begin = run.start() + shift
                pair = re.search(rf"({_RUN.pattern}) and $", left[max(0, begin - 60) : begin])
                other = _clean(pair[1], self.cast)[0] if pair else ""
                return _Subject("name", f"{other} and {name}" if other else name, start + begin, end)
        if low in _STARTERS or low in _BE or not low[0].isalnum():
            return None
        words = list(_PLAIN_WORD.finditer(left, tail))[-9:]
        for index in range(len(words) - 1, -1, -1):
            word = words[index][0].casefold()
            if word in _DETERMINERS or word.endswith(("'s", "’s")):
                inner = [each[0].casefold() for each in words[index + 1 :]]
                cut = next((at for at, each in enumerate(inner) if at and each in _CUTS), len(inner))
                if not inner or (index and words[index - 1][0].casefold() in _PREPOSITIONS):
                    continue
                return _Subject("role", inner[cut - 1], start + words[index].start(), end)
        known = {low, low.rstrip("s")} & (_SPEAKERS | _PLURAL)
        return _Subject("role", low, end - len(low), end) if known else None

    def _stance(self, start: int, end: int) -> _Told | None:
        """Return who speaks after "Okafor is adamant:" or a name and a colon alone."""
        subject = self._opening(start, end)
        if subject is None or not _IS_SO.match(self.masked[subject.end : end].lstrip()):
            return None
        return _Told(subject, "is", subject.end, end)

    def _opening(self, start: int, end: int) -> _Subject | None:
        """Return the subject that a sentence begins with, what leads up to it passed over."""
        skip = _LEADING.match(self.masked, start, end)
        at = skip.end() if skip else start
        while at < end and self.masked[at] in " ,(":
            at += 1
        subject = self._noun(at, end)
        if subject is not None:
            return subject
        for mention in self.cast.within(start, end):
            if mention.subject and self.cast.is_person(self.cast.full(mention.name, mention.start)):
                return _Subject("name", mention.name, mention.start, mention.end)
        return None

    def _noun(self, at: int, stop: int) -> _Subject | None:  # noqa: C901, PLR0912
        """Return the name, pronoun or noun that begins at ``at``: of "his daughter, Mette" the name."""
        begin, head, determined = at, "", False
        for _ in range(8):
            word = _PLAIN_WORD.match(self.masked, at, stop)
            run = _RUN.match(self.masked, at, stop)
            if word is None:
                break
            low = word[0].casefold()
            if low in _PRONOUNS and at == begin:
                return _Subject("pronoun", low, at, word.end())
            if run:
                following = self.masked[run.end() : run.end() + 40]
                if following[:2] in {"'s", "’s"}:
                    at, determined = run.end() + 3, True
                    continue
                modified = re.match(r" ([a-z-]+)(?= |,)", following)
                if modified and modified[1] in _SPEAKERS and not head and low not in _DETERMINERS:
                    at, determined = run.end() + 1, True
                    continue
                subject = self._named(run, head, stop)
                if subject is not None:
                    return subject
            if low in _DETERMINERS and not head:
                at, determined = word.end() + 1, True
                continue
            if low in _SAY or low in _CUTS or low in _BE or low in _ADVERBS or low in _STARTERS:
                break
            plain = {low, low.rstrip("s")}
            ahead = _ROLE_AHEAD.match(self.masked, at, stop)
            if ahead and ahead[1] in _SPEAKERS:
                at = ahead.end()
                head = ahead[1]
                continue
            if not determined and not plain & (_SPEAKERS | _PLURAL):
                return None
            head = low
            if plain & _SPEAKERS and self.masked[word.end() : word.end() + 2] == ", ":
                named = _RUN.match(self.masked, word.end() + 2, stop)
                subject = self._named(named, head, stop) if named else None
                if subject is not None:
                    return subject
            if self.masked[word.end() : word.end() + 1] != " ":
                return _Subject("role", head, begin, word.end())
            at = word.end() + 1
        return _Subject("role", head, begin, max(begin, at - 1)) if head else None

    def _named(self, run: re.Match[str], role: str, stop: int) -> _Subject | None:
        """Return the subject that a run of capitals names, alone or with another one."""
        name, shift, office = _clean(run[0], self.cast)
        if not name:
            return None
        start = run.start() + shift
        if office or role in _ROLES:
            self.cast.person(self.cast.full(name, start), start, office or role)
        pair = re.match(rf" and ({_RUN.pattern})", self.masked[run.end() : min(stop, run.end() + 60)])
        other = _clean(pair[1], self.cast)[0] if pair else ""
        if pair and other:
            return _Subject("name", f"{name} and {other}", start, run.end() + pair.end())
        return _Subject("name", name, start, run.end())

    def _who(self, told: _Told | None) -> str | None:  # noqa: PLR0911
        """Return the speaker's name, or ``None`` where the text does not give it."""
        if told is None or told.subject is None:
            return None
        subject = told.subject
        if subject.kind == "name":
            if self._is_outlet(subject.value, sure=True):
                return None
            names = [self.cast.full(name, subject.start) for name in subject.value.split(" and ")]
            if names == [subject.value] and _PEOPLES.fullmatch(subject.value):
                return None
            self.cast.people.update(names)
            return " and ".join(names)
        if subject.kind == "pronoun":
            if subject.value not in {"he", "she", "they"}:
                return None
            speaker = self._focus(subject.start, subject.value)
            if speaker and subject.value != "they":
                self.cast.gender.setdefault(speaker, subject.value)
            return speaker
        return self._by_role(subject)

    def _by_role(self, subject: _Subject) -> str | None:
        """Return who "the rapper", "the mayor" or "the band" is; a noun without "the" names nobody."""
        if self.masked[subject.start : subject.start + 4].casefold() != "the ":
            return None
        role = subject.value
        if role in _GROUPS:
            index = bisect_left(self.cast.groups, (subject.start, ""))
            return self.cast.groups[index - 1][1] if index else None
        held = self.cast.roles.get(role, [])
        index = bisect_left(held, (subject.start, ""))
        named = [name for _, name in held[max(0, index - _BACK) : index]]
        if named:
            recent = self._focus(subject.start, "they")
            return recent if recent in named else named[-1]
        if role in _MUSICAL or role.endswith("-year-old"):
            near = self._focus(subject.start, "she" if role in _FEMALE else "he" if role in _MALE else "they")
            return self._main(near, subject.start)
        return None

    def _main(self, near: str | None, at: int) -> str | None:
        """Return whom "the singer" means: whom the text is about, if ``near`` is named in passing."""
        counts: dict[str, int] = {}
        for mention in self.cast.within(max(0, at - 10 * _REACH), at):
            full = self.cast.full(mention.name, mention.start)
            if self.cast.is_person(full):
                counts[full] = counts.get(full, 0) + 1
        most = max(counts, key=lambda name: counts[name], default=None)
        if near is None or most is None or counts.get(near, 0) > 1 or counts[most] < 3:  # noqa: PLR2004
            return near
        return most

    def _focus(self, at: int, pronoun: str) -> str | None:  # noqa: C901
        """Return whom a pronoun at ``at`` means: the person the text was last about."""
        index = bisect_left(self.bounds, at + 1) - 1
        end = at
        for step in range(min(_BACK, index + 1)):
            start = self.bounds[index - step]
            found = [(where, name) for where, name in self.events[-2 * _BACK :] if start <= where < end]
            aside: str | None = None
            for mention in self.cast.within(start, end):
                full = self.cast.full(mention.name, mention.start)
                if self._is_quoted(mention.start):
                    continue
                if not self.cast.is_person(full):
                    if mention.start == start and self._may_be_person(full) and self._fits(full, pronoun):
                        aside = full
                    continue
                if mention.subject:
                    found.append((mention.start, full))
                elif self.cast.gender.get(full) == pronoun or self._is_owner(mention, pronoun, start, end):
                    aside = full
            fitting = [
                each for each in sorted(found, key=lambda each: each[0]) if self._fits(each[1], pronoun)
            ]
            if fitting:
                return fitting[0][1]
            if aside is not None:
                return aside
            noun = _THE_ROLE.match(self.masked, start, end)
            roles = [word for word in noun.groups() if word in _ROLES or "-year-old" in word] if noun else []
            if noun and roles:
                return self._by_role(_Subject("role", roles[0], start, noun.end()))
            named = any(mention.subject for mention in self.cast.within(start, end))
            if self._is_about_nobody(start, end, pronoun, named=named):
                return None
            end = start
        return None

    def _is_owner(self, mention: _Mention, pronoun: str, start: int, end: int) -> bool:
        """Say whether "Vale's album" is all that a sentence names, so that "her" is Vale."""
        alone = len(self.cast.within(start, end)) == 1
        possessive = self.masked[mention.end : mention.end + 2] in {"'s", "’s"}
        return alone and possessive and not self._is_about_nobody(start, end, pronoun, named=True)

    def _may_be_person(self, name: str) -> bool:
        """Say whether a name that a sentence begins with could be a person's: two or three words."""
        tokens = _norm(name)
        peoples = tokens[0].endswith(("ian", "ish", "ese", "ican"))
        return 1 < len(tokens) < 4 and not peoples and not set(tokens) & (_BODIES | _OUTLET_WORDS | {"the"})  # noqa: PLR2004

    def _fits(self, name: str | None, pronoun: str) -> bool:
        return pronoun == "they" or name is None or self.cast.gender.get(name, pronoun) == pronoun

    def _is_quoted(self, at: int) -> bool:
        """Say whether the offset stands in a quotation found lately; one without marks is not blanked."""
        return any(start <= at < end for said in self.found[-_BACK:] for start, end in said.spans)

    def _is_about_nobody(self, start: int, end: int, pronoun: str, *, named: bool) -> bool:
        """Say whether a sentence is about a person without a name, whom a pronoun behind it means."""
        words = [
            word[0].casefold() for word in _PLAIN_WORD.finditer(self.masked, start, min(end, start + 300))
        ]
        unnamed = {"a", "an", "one", "another", "his", "her", "their", "my"}
        if (
            not named
            and words
            and words[0] in unnamed
            and any(word in _HUMAN | _ROLES for word in words[1:5])
        ):
            return True
        kin = _FEMALE if pronoun == "she" else _MALE if pronoun == "he" else frozenset()
        return any(word in kin for word in words)

    # Where it was said

    def _source(self, span: Span) -> str | None:
        """Return the outlet that a stretch of the text names as the place where it was said."""
        stretch = self.masked[span[0] : span[1]]
        for words, pattern in _SOURCES:
            if not any(word in stretch for word in words):
                continue
            for found in pattern.finditer(stretch):
                if self._is_outlet(found[1]):
                    return _outlet(found[1])
        for found in _ANY_OUTLET.finditer(stretch):
            placed = _BEFORE_OUTLET.search(stretch, max(0, found.start() - 6), found.start())
            if (placed or _AFTER_OUTLET.match(stretch, found.end())) and self._is_outlet(found[0], sure=True):
                return _outlet(found[0])
        if _SAME_OUTLET.search(stretch):
            return self._outlet_before(span[0])
        return None

    def _outlet_before(self, at: int) -> str | None:
        """Return the outlet that "the magazine" means: the one named last."""
        low = max(0, at - _REACH)
        given: list[tuple[int, str]] = [
            (found.start(1), found[1])
            for _, pattern in _SOURCES[:3]
            for found in pattern.finditer(self.masked, low, at)
            if self._is_outlet(found[1])
        ]
        return _outlet(max(given)[1]) if given else None

    def _is_outlet(self, written: str, *, sure: bool = False) -> bool:  # noqa: PLR0911
        """Say whether a name is an outlet's; ``sure`` asks for more than that it is nobody's who is known."""
        name = _outlet(written)
        low = name.casefold().replace("’", "'")
        bare = low.removeprefix("the ")
        tokens = bare.split()
        if not tokens:
            return False
        if low in _OUTLETS or bare in _OUTLETS:
            return True
        if bare in _NO_OUTLETS or tokens[0] in _WOMEN | _MEN | _STARTERS | _NO_OUTLETS:
            return len(tokens) > 1 and tokens[-1] in _OUTLET_WORDS
        if len(tokens) > 1 and tokens[-1] in _OUTLET_WORDS:
            return True
        if "-" in bare and bare.split("-")[-1] in _OUTLET_WORDS:
            return True
        known = name in self.cast.people or self.cast.full(name, 1 << 60) != name
        if name.isupper() and name.isalpha() and 1 < len(name) < 6:  # noqa: PLR2004
            return low not in _ACRONYMS and not known
        return not (
            sure or known or tokens[-1] in _BODIES or tokens[0] in _BODIES or any(map(str.isdigit, name))
        )


class _Content(NamedTuple):
    """What stands between marks, and what can be said of it without its neighbours.

    ``ends``: it ends as a sentence does; ``comma``: as the part of a sentence before "he said" does.
    """

    text: str
    words: tuple[str, ...]
    outside: str
    ends: bool
    comma: bool
    title: bool

    @classmethod
    def of(cls, text: str, outside: str) -> _Content:
        """Look at a marked ``text`` with the character ``outside`` behind its marks."""
        words = tuple(_PLAIN_WORD.findall(text))
        ends = text.rstrip("\"'”’)").endswith(_TERMINAL) or outside == "."
        comma = text.endswith((",", ";", ":")) or outside in {",", ":"}
        return cls(text, words, outside, ends, comma, _is_title(words))

    @property
    def is_fragment(self) -> bool:
        """Say whether it is long enough, and no title, to be someone's words within a sentence."""
        if self.title:
            return False
        own = bool({"I", "my", "we", "our", "I'm", "I’m"} & set(self.words))
        return len(self.words) >= (_FRAGMENT - 1 if own else _FRAGMENT)

    @property
    def is_sentence(self) -> bool:
        """Say whether it is one whole sentence or more."""
        first = next((char for char in self.text if char.isalnum()), "")
        opened = first.isupper() or first.isdigit()
        return (
            opened and self.ends and self.outside != "," and len(self.words) >= _FRAGMENT and not self.title
        )


def _is_title(words: Sequence[str]) -> bool:
    """Say whether words are written as a title's: capitals but in the small ones."""
    long = [word for word in words if word.casefold() not in _SMALL and not word[0].isdigit()]
    return len(words) > 1 and bool(long) and words[0][0].isupper() and all(word[0].isupper() for word in long)


def _is_thing(subject: _Subject | None) -> bool:
    return subject is not None and subject.kind == "role" and subject.value in _THINGS


def _outlet(written: str) -> str:
    """Return an outlet's name as it stands alone: without a small "the" and a day behind it."""
    words = written.removeprefix("the ").split()
    while len(words) > 1 and words[-1].casefold() in _CALENDAR:
        words.pop()
    return re.sub(r"['’]s?$", "", " ".join(words))


def _apart(found: Sequence[_Said]) -> list[_Said]:
    """Return the quotations without those that reach into the one before."""
    kept: list[_Said] = []
    for said in found:
        spans = [span for span in said.spans if span[0] < span[1]]
        if spans and (not kept or spans[0][0] >= kept[-1].spans[-1][1]):
            said.spans = spans
            kept.append(said)
    return kept


# --- Turns ------------------------------------------------------------------------------------------------

_TURN = re.compile(
    r"(?:(Q|A|Question|Answer)\s?\d*[:.]|([A-Z][\w.’'-]*(?: (?:[A-Z&][\w.’'-]*|de|la|van|der|von)){0,3}):)\s+"
)
_ASKERS = _set("q question interviewer moderator host reporter journalist interview audience")
_CREDITS = _set(
    "producer producers label released release genre length writer writers note rating verdict update "
    "tracklist personnel credits engineer director runtime format artist album title date location venue "
    "source related correction photo photos image caption warning tip example summary conclusion"
)

_Turn = tuple[int, int, str, bool]


def _turns(text: str, blocks: Sequence[Block]) -> dict[int, list[_Turn]]:
    """Return, for each block of an interview, its turns: start, end, label, and whether it only asks."""
    turns: list[tuple[int, int, int, str]] = []
    for index, block in enumerate(blocks):
        if block.kind != "paragraph":
            continue
        at = block.start
        for line in text[block.start : block.end].split("\n"):
            turn = _TURN.match(line)
            if turn:
                turns.append((index, at + turn.end(), at + len(line), turn[1] or turn[2]))
            elif turns and turns[-1][0] == index:
                turns[-1] = (index, turns[-1][1], at + len(line), turns[-1][3])
            at += len(line) + 1
    asked: dict[str, list[bool]] = {}
    for _, start, end, label in turns:
        asked.setdefault(label, []).append(text[start:end].rstrip("\"'”’ ").endswith("?"))
    if len(asked) < 2 or len(turns) < 3 or not any(any(each) for each in asked.values()):  # noqa: PLR2004
        return {}
    askers = {
        label
        for label, questions in asked.items()
        if label.casefold() in _ASKERS or 2 * sum(questions) >= len(questions)
    }
    found: dict[int, list[_Turn]] = {}
    for index, start, end, label in turns:
        if label.casefold() not in _CREDITS:
            found.setdefault(index, []).append((start, end, label, label in askers))
    return found
