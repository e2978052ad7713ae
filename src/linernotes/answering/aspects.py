"""A question for a producer, a price, a date ... -> whether the text has any word that could answer it.

An encoder finds "who produced it?" near to every sentence about the song. Where a question names something
that articles name by few words (a producer, a chart, a price, a birth), a passage without any of them does
not answer, however near it is. The pairs are general: none was written for an article.
"""

from __future__ import annotations

import re

_PAIRS = (
    (  # producer
        (
            r"\bwho(?:'s| is| was)? (?:co-?)?produced\b|\bproducers?\b|\bproduced by\b|\bwho (?:did|"
            r"made) the (?:beat|music)\b|\bmade the beat\b"
        ),
        r"\bproduc|\bbeat|\bmixed\b|\bengineer",
    ),
    (  # label
        (
            r"\b(?:record|what|which|whose) labels?\b|\blabel (?:put|released|is|did)\b|"
            r"\bsigned (?:to|with)\b"
        ),
        r"\blabels?\b(?!\s*mates?)|\bsigned\b|\brecords\b|\bimprint",
    ),
    (  # album
        (
            r"\b(?:what|which|whose) (?:\w+ )??(?:albums?|mixtape|ep|lp)\b|\bon an album\b|"
            r"\bname of (?:the|his|her|their|that|this) (?:\w+ )?album\b|\balbum (?:title|name|called)\b|"
            r"\balbum(?: is it| was it)?(?: on| from| off)?"
            r"\W*$|\btrack ?list|\bdiscograph|\bhow many albums\b"
        ),
        r"\balbum|\bmixtape|\b[EL]P\b|\btrack ?list|\brecords\b(?! label)|\breleases?\b",
    ),
    (  # chart
        (
            r"\bcharts?\b|\bcharted\b|\bpeak(?:ed)?\b|\bbillboard\b|\bhot 100\b|\bnumber one\b|"
            r"\btop (?:ten|10|40)\b"
        ),
        (
            r"\bchart|\bpeak|\bbillboard|\bhot 100|\bnumber (?:one|\d)|\bno\. ?\d|\btop (?:ten|\d+|"
            r"five|twenty|forty)"
        ),
    ),
    (  # award
        r"\bgramm(?:y|ies|ys)\b|\bawards?\b|\bnominat\w+|\bprizes?\b|\bwin any\w*|\bwon\b",
        r"\bgramm|\baward|\bnominat|\bprize|\bw[io]n\b|\bwinn",
    ),
    (  # director
        r"\bdirectors?\b|\bwho directed\b|\bdirected (?:the|this|that|it)\b",
        r"\bdirect(?:ed|or|s|ing)\b|\bfilm-?maker|\bshot by|\b(?:video|film|clip|movie),? (?:made )?by\b",
    ),
    (  # filmed
        r"\bfilmed\b|\bshot\b|\brecorded\b.*\bwhere\b|\bwhere\b.*\brecorded\b|\bstudio\b",
        r"\bfilm|\bshot\b|\brecorded\b|\bstudio|\blocation",
    ),
    (  # realname
        r"\b(?:real|full|birth|actual|legal|middle|maiden|government) name\b|\bnamed after\b",
        (
            r"\bborn\b|\breal name|\bfull name|\bbirth name|\bnée\b|\blegal|\bknown as\b|"
            r"\bnamed (?:after|for)\b"
        ),
    ),
    (  # age
        (
            r"\bhow old (?:is|was|are|were)\b(?! the\b)|\bbirthdays?\b|\bwhen (?:was|is) .*\bborn\b|"
            r"\bwhere was .*\bborn\b|\bage of\b|\bwhat age\b"
        ),
        (
            r"\bborn\b|\baged?\b|\byears? old|\byear-old|\bbirth|\b(?:twenty|thirty|forty|fifty|"
            r"sixty|seventy|eighty)-\w+"
        ),
    ),
    (  # length
        (
            r"\bhow long (?:is|was) (?:the|this|that) (?:song|track|video|album|record|intro|"
            r"interview|film|it)\b|\bhow long is it\b|\brun ?time\b|\b(?:length|duration) of\b|"
            r"\bhow many minutes\b"
        ),
        r"\bminutes?\b|\bseconds?\b|\b\d+:\d\d\b|\bhours?\b",
    ),
    (  # year
        r"\b(?:what|which) year\b",
        r"\b1[0-9]{3}\b|\b20\d\d\b|['\u2019]\d\ds?\b|\byears? (?:ago|later|before|earlier|after)\b",
    ),
    (  # money
        (
            r"\bhow much (?:money|did .*(?:pay|paid|cost|make|earn|sell|get)|was .*(?:paid|fined|"
            r"sold)|is .*worth|does .*cost)|\bhow much .*\b(?:paid|cost|pay|budget|bail|fined?)\b|"
            r"\bnet worth\b|\bsalary\b|\bbudget\b|\bticket price|\bcost\b|\bprice\b"
        ),
        (
            r"[$£€]\s?\d|\bdollars?\b|\bpounds?\b|\beuros?\b|\bmillion\b|\bthousand\b|\bpaid\b|"
            r"\bcost\b|\bprice|\bfree\b"
        ),
    ),
    (  # sales
        (
            r"\bstreams?\b(?!ing)|\bviews\b|\bcopies\b|\bsales\b|\bhow many .*\bsold\b|"
            r"\bdownloads\b|\bplatinum\b|\bgold record\b|\bcertified\b"
        ),
        (
            r"\bstreams\b|\bviews\b|\bcopies\b|\bsales\b|\bsold\b|\bdownload|\bplatinum\b|"
            r"\bcertified"
        ),
    ),
    (  # sample
        r"\bsampl(?:e[sd]?|ing)\b|\binterpolat\w+",
        r"\bsampl|\binterpolat|\bborrow|\btaken from",
    ),
    (  # remix
        r"\bremix(?:es|ed)?\b|\bcover(?:s|ed)? (?:of|version|by)\b|\bany covers\b",
        r"\bremix|\bcover",
    ),
    (  # tempo
        r"\bbpm\b|\btempo\b|\bwhat key\b|\bkey (?:is|of)\b|\btime signature\b|\bgenre\b",
        (
            r"\bbpm\b|\btempo|\bbeats per|\bkey of|\b(?:major|minor)\b|\bgenre|\btime signature|"
            r"\bin \w+ time"
        ),
    ),
    (  # stands
        r"\bstands? for\b|\bshort for\b|\bacronym\b",
        (
            r"\bstands? for|\bshort for|\bacronym|\bmeans?\b|\bmeaning|\bor\b [A-Z]|"
            r"\([A-Z][a-z]+ [A-Z]|\babbreviat|\bcalled\b"
        ),
    ),
    (  # bail
        r"\bbail\b|\bbond\b",
        r"\bbail|\bbond\b|\breleased on",
    ),
    (  # judge
        r"\bjudges?\b|\bprosecutors?\b|\blawyers?\b|\battorneys?\b|\bda\b",
        (
            r"\bjudge|\bjustice\b|\bprosecut|\blawyer|\battorney|\bcounsel|\bbarrister|"
            r"\bdefen[cs]e\b"
        ),
    ),
    (  # plea
        (
            r"\bple(?:a|ad|ads|aded|d)\b|\bguilty or\b|\bfound guilty\b|\bconvict(?:ed|ion)\b|"
            r"\bsentenced\b|\bacquitt\w+|\b(?:go|goes|went) to trial\b|\bverdict\b"
        ),
        (
            r"\bple(?:a|d|ad)|\bguilty|\bconvict(?:ed|ion)|\bsentenc|\bacquit|\btrial\b|\bverdict|"
            r"\bjury"
        ),
    ),
    (  # freed
        (
            r"\b(?:get|got|gets) out\b(?! of (?:the|a|an|his|her|their|bed)\b)|\bout of (?:jail|prison)\b|"
            r"\breleased from\b|\bset free\b|\bfreed\b|\bhow long (?:was|"
            r"is|were|has|did|will|does) .*\b(?:jail|prison|locked up|behind bars|inside)\b"
        ),
        (
            r"\breleased (?:from|on|in)\b|\bfreed\b|\bset free|\bget out|\bgot out|\bleft (?:jail|"
            r"prison)|\bserved\b|\byears in"
        ),
    ),
    (  # family
        (
            r"\b(?:wife|husband|married|spouse|girlfriend|boyfriend|partner|kids|children|daughter|"
            r"son|mother|father|mom|dad|mum|brother|sister|parents|siblings)\b"
        ),
        (
            r"\bwife|\bhusband|\bmarri|\bspouse|\bpartner|\bkids?\b|\bchild|\bdaughter|\bsons?\b|"
            r"\bmother|\bfather|\bmum\b|\bmom\b|\bdad\b|\bbrother|\bsister|\bparents?\b|\bfamily|"
            r"\bwidow|\bcousin|\baunt|\buncle|\bgrand"
        ),
    ),
    (  # tour
        (
            r"\btours?\b|\btouring\b|\bconcerts?\b|\bgigs?\b|\bvenues?\b|\bperform(?:ed|"
            r"s)? (?:it )?live\b|\bplay(?:ed)? live\b|\bfestival\b"
        ),
        r"\btour|\bconcert|\bgigs?\b|\bvenue|\blive\b|\bfestival|\bstage|\bperform",
    ),
    (  # school
        (
            r"\b(?:school|university|college|degree)\b.*\b(?:go|attend|study|studied|graduate)|"
            r"\bwhere did .* (?:study|go to school|graduate)\b|\bwhat did .* study\b|"
            r"\bwhich (?:school|university|colleges?)\b"
        ),
        (
            r"\bstud(?:y|ied|ying)\b|\bgraduat|\bdegree|\battended|\bUniversity|\bCollege|\bSchool|"
            r"\benrolled|\bconservato"
        ),
    ),
    (  # vote
        (
            r"\bendors\w+|\bvot(?:e|ed|ing)\b|\belect(?:ed|ion)\b|\bpresident\b|\bmayor\b|"
            r"\bgovernor\b|\bpolitical party\b"
        ),
        r"\bendors|\bvot(?:e|ing)|\belect|\bpresident|\bmayor|\bgovernor|\bparty\b",
    ),
    (  # died
        r"\bhow did .* die\b|\bcause of death\b|\bwhat did .* die of\b|\bhow was .* killed\b",
        (
            r"\bdied (?:of|from|in|when|at)\b|\bkilled\b|\bdrown|\bshot\b|\bdisease|\billness|"
            r"\bcancer|\baccident|\bheart\b"
        ),
    ),
    (  # height
        r"\bhow tall\b|\bhow heavy\b|\bweigh\b|\bheight of\b",
        (
            r"\b(?:feet|foot|metres?|meters?|inches|ft|cm|kg|tons?|tonnes?|pounds|stone)\b|\btall\b|"
            r"\bhigh\b|\bweigh"
        ),
    ),
    (  # review
        r"\breviews?\b|\bcritics?\b|\brat(?:ed|ing)\b|\bscore\b|\bpitchfork\b",
        r"\breview|\bcritic|\brat(?:ed|ing)|\bscore|\bstars?\b|\bpraise|\bcalled it\b|\bwrote\b",
    ),
    (  # instrument
        (
            r"\bplay(?:s|ed)? (?:the )?(?:bass|drums?|guitar|piano|keys|keyboards?|sax\w*|violin|"
            r"trumpet|cello)\b|\bwho(?:'s| is)? (?:on|plays)\b|\b(?:bassist|drummer|guitarist|"
            r"pianist)\b"
        ),
        (
            r"\bbass|\bdrum|\bguitar|\bpian|\bkeyboard|\bsax|\bviolin|\btrumpet|\bcello|\borgan|"
            r"\bhorn"
        ),
    ),
    (  # writer
        (
            r"\bwho\b.{0,30}\b(?:co-?)?wr(?:ote|ites?|itten|iters?)\b|\bwriters? of\b|\bsongwrit\w+|"
            r"\b(?:co-?)?(?:written|writes|wrote|writers?)\W*$|\bwriting credits?\b|"
            r"\b(?:written|wrote) (?:by|it|this|that|the)\b|"
            r"\bwhat (?:else )?(?:has|had|did) .*\bwr(?:ite|itten)\b(?! (?:about|of|on|in)\b)"
        ),
        r"\bwr(?:o|i)t|\bcompos|\bauthor|\bpenned|\blyric",
    ),
    (  # contact
        r"\bphone number\b|\be-?mail\b|\bwebsite\b|\binstagram\b|\btwitter\b|\bfollowers\b",
        r"\bphone|\be-?mail|\bweb ?site|\binstagram|\btwitter|\bfollowers|\bonline",
    ),
)

_ASPECTS = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(said, re.IGNORECASE)) for asked, said in _PAIRS
)


def lacks(question: str, text: str) -> bool:
    """Say whether ``question`` asks for something that ``text`` has none of the words for."""
    return any(asked.search(question) and not said.search(text) for asked, said in _ASPECTS)
