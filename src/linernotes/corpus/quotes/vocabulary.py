"""The words that the rules know, as sets in lower case.

Verbs of saying, words that begin a sentence or end a name, what people are called, common first names. All
are general English; none is here for a single article. The sets are put together once, when the module is
imported.
"""

from __future__ import annotations


def listed(written: str) -> frozenset[str]:
    """Return the words of a list that is written as lines of words."""
    return frozenset(written.split())


def forms(word: str) -> frozenset[str]:
    """Return a word as it stands and without the "s" of a plural: "actress" loses more than that."""
    return frozenset((word, word.rstrip("s")))


# --- Verbs ------------------------------------------------------------------------------------------------

SAYING_VERBS = listed(
    "said says told tells wrote writes added adds asked asks recalled recalls argued argues explained "
    "explains noted notes replied replies answered answers remembered remembers insisted insists joked jokes "
    "laughed laughs continued continues admitted admits claimed claims declared declares announced announces "
    "observed observes remarked remarks stated states tweeted tweets posted posts commented comments "
    "concluded concludes confessed confesses conceded concedes countered counters cried cries exclaimed "
    "exclaims shouted shouts whispered whispers warned warns testified testifies quipped quips mused muses "
    "reflected reflects responded responds retorted retorts agreed agrees disagreed disagrees complained "
    "complains promised promises vowed vows predicted predicts urged urges stressed stresses emphasized "
    "emphasizes emphasised suggested suggests maintained maintains revealed reveals pleaded pleads demanded "
    "demands wondered wonders rapped raps sang sings sighed sighs smiled smiles shrugged shrugs texted texts "
    "emailed emails blogged proclaimed proclaims opined opines protested protests boasted boasts objected "
    "objects offered offers lamented laments grinned grins clarified clarifies elaborated elaborates "
    "reasoned reasons repeated repeats begged begs bragged brags contended contends asserted asserts "
    "affirmed acknowledged acknowledges cautioned cautions deadpanned deadpans interjected snapped snaps "
    "yelled yells screamed screams murmured muttered mutters shared shares counseled advised advises "
    "thundered preached preaches recounted recounts mentioned mentions points pointed chimed chimes"
)
CALLING_VERBS = listed(
    "called calls described describes dismissed dismisses praised praises hailed hails criticized criticised "
    "characterized characterised denounced denounces likened likens compared compares labeled labelled "
    "deemed derided mocked summarized summarised referred refers"
)
PARTICIPLES = listed(
    "saying adding writing explaining telling noting recalling insisting joking arguing declaring asking "
    "replying admitting claiming remarking stating tweeting posting commenting concluding confessing "
    "conceding warning observing remembering suggesting promising shouting calling describing dismissing "
    "praising hailing referring comparing likening"
)
# What a plural says: "fans say"; after one person the same word would be a noun or an infinitive.
PLURAL_VERBS = listed(
    "say tell write argue recall insist remember explain ask call describe admit claim agree joke"
)
# With a noun for a subject these name things and quote nobody: "what engineers call …".
TERM_VERBS = listed("call calls describe")
# These are as often nouns: "his liner notes", "the answers".
NOUNS_TOO = listed(
    "notes comments claims states answers shares posts tweets reasons points counters demands objects "
    "reports calls texts emails protests offers promises smiles laughs jokes cries adds"
)
SPEECH_VERBS = SAYING_VERBS | CALLING_VERBS | PARTICIPLES
SINGLE_OR_PLURAL_VERBS = SAYING_VERBS | PLURAL_VERBS

# --- Small words ------------------------------------------------------------------------------------------

# What may stand between a subject and its verb. Some stand with a comma: before a verb it is read as a part
# of the word.
ADVERBS = listed(
    "has have had also then later once still even just would will could did does do can often always usually "
    "recently famously soon finally simply only first since himself herself themselves both all again again, "
    "further back now ever likes once, instead quickly has, 've 's 'd 'll bluntly flatly candidly too"
)
FORMS_OF_BE = listed("is was are were been being be")
PREPOSITIONS = listed(
    "with of by to for about from against between than in on at into over under after before during near via "
    "per alongside including like unlike featuring versus vs without behind through upon beside beyond"
)
# Written small within a name: "Willem van der Berg".
PARTICLES = tuple(
    "de la le van der den von und bin ibn al el da dos das di du del della ter ten af y".split()
)
PRONOUNS = listed("he she they it we i you")
DETERMINERS = listed(
    "the a an one another his her their my our its some many several this that each every two three four "
    "most other both"
)
# What begins a sentence with a capital and is no part of the name behind it.
STARTERS = listed(
    "a an and as at after although because before but by during each even every for from he her here his how "
    "however i if in into it its later like many most my no nor not now of off on once one only or our out "
    "over perhaps she since so some still such than that their then there these they this those though "
    "through to today too two under unlike until up was we were what when where whether which while who whom "
    "whose why with without yes yet you your asked according speaking writing talking pressed another both "
    "meanwhile afterwards instead yesterday tonight tomorrow finally eventually soon again also recently "
    "said says says, adds added recalls wrote writes explains asks born raised did does do is are has have "
    "had can could would should might about around between within despite given thanks three four five six "
    "ten all any few other maybe just well back often sometimes never always first second last next early "
    "late"
)
CALENDAR = listed(
    "january february march april may june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday christmas easter spring summer autumn winter"
)
# Where a noun and what belongs to it ends: "the owner | of the bar".
CUTS = PREPOSITIONS | {"who", "whose", "that", "and"}

# --- What people are called -------------------------------------------------------------------------------

MUSICAL = listed(
    "rapper singer artist musician star producer guitarist drummer bassist pianist songwriter composer mc "
    "emcee dj frontman frontwoman vocalist performer lyricist singer-songwriter trumpeter saxophonist "
    "violinist cellist keyboardist percussionist author writer poet comedian comic actor actress director "
    "filmmaker entertainer icon legend veteran native superstar newcomer crooner conductor bandleader "
    "multi-instrumentalist playwright novelist painter photographer"
)
OFFICES = listed(
    "mayor president senator sen. governor gov. representative rep. congressman congresswoman councilman "
    "councilwoman councilor councillor chief detective sheriff officer sergeant sgt. lieutenant lt. captain "
    "capt. colonel col. general gen. judge justice attorney commissioner chairman chairwoman chair director "
    "secretary minister chancellor premier ambassador superintendent deputy professor coach pastor bishop "
    "archbishop spokesman spokeswoman spokesperson principal dean inspector district county state police "
    "vice prime former ex-president alderman supervisor manager assistant congress rabbi imam"
)
# The rest of each abbreviated office, so that "Sen. Reed" is found again as "the senator".
OFFICES_WRITTEN_OUT = {
    "sen.": "senator",
    "gov.": "governor",
    "rep.": "representative",
    "sgt.": "sergeant",
    "capt.": "captain",
}
CRITICAL = listed(
    "critic historian journalist biographer scholar musicologist engineer lawyer reporter editor columnist "
    "reviewer activist academic curator archivist sociologist economist scientist researcher philosopher "
    "essayist publisher organizer teacher foreman owner founder executive"
)
GROUPS = listed("band group duo trio quartet quintet collective ensemble crew outfit orchestra choir")
HONORIFICS = listed("dr. mr. mrs. ms. miss prof. rev. sir dame lord lady st. hon. fr. sister brother")
FEMALE = listed(
    "mother mom mum sister daughter wife aunt grandmother girl woman lady niece spokeswoman actress "
    "girlfriend widow queen mrs. ms. miss dame frontwoman congresswoman councilwoman chairwoman "
    "businesswoman heroine"
)
MALE = listed(
    "father dad brother son husband uncle grandfather boy man nephew spokesman actor boyfriend widower king "
    "mr. sir frontman congressman councilman chairman businessman gentleman foreman"
)
HUMAN = (
    FEMALE
    | MALE
    | listed(
        "spokesperson fan reader listener friend neighbor neighbour resident officer official lawyer "
        "student teacher driver witness critic cousin manager parent child colleague source guest caller "
        "viewer customer tourist reporter doctor nurse guard insider representative audience passer-by "
        "mentor engineer executive owner publicist bystander attendee worker employee member co-worker "
        "classmate roommate partner spouse"
    )
)
BODIES = listed(
    "senate council court police department committee university house board union academy church nation "
    "agency office association society school college institute foundation ministry records panel jury "
    "assembly county city state fans audience crowd hall festival center centre museum awards"
)
# Those who speak together.
PLURAL_SPEAKERS = listed(
    "they we fans critics people both all who officials police prosecutors reviewers scholars"
)
ROLES = MUSICAL | OFFICES | CRITICAL
PERSONAL_ROLES = HUMAN | ROLES
SPEAKERS = HUMAN | ROLES | GROUPS
# What stands before a name with a capital and is no part of it.
NO_FIRST_NAMES = STARTERS | ROLES
TITLES = HONORIFICS | OFFICES
KIN = (FEMALE | MALE) - HONORIFICS

# --- First names ------------------------------------------------------------------------------------------

# A name's gender, where a common one tells it; the text's own "he" and "she" tell the others.
WOMEN = listed(
    "mary ana anna anne ann maria laura sarah sara emma julia lisa linda susan karen nancy jane joan helen "
    "ruth alice rosa grace claire clara diana denise donna carol carla maya mia nina nora olivia sophia "
    "sophie emily ella eva kate katherine catherine elizabeth jennifer jessica amy angela amanda michelle "
    "nicole rachel rebecca rose ruby sandra stephanie teresa tina vanessa victoria yvonne ines elena andrea "
    "gail pearl lorraine mette alicia aisha fatima keisha beyoncé rihanna adele dolly aretha nia leila layla "
    "lena hannah heather janet joni judy lauren lucy marie margaret martha monica naomi patricia paula priya "
    "sonia tanya tracy wendy zoe dorothy esther"
)
MEN = listed(
    "john paul george james robert michael david william richard joseph thomas tom charles chris christopher "
    "daniel dan matthew mark marcus anthony steven stephen andrew joshua kenneth ken kevin brian edward ed "
    "ronald timothy jason jeff jeffrey ryan jacob gary eric jonathan larry justin scott brandon benjamin ben "
    "samuel sam frank gregory raymond patrick jack dennis jerry tyler aaron henry henrik adam peter nathan "
    "zachary walter walt kyle carl karl arthur roger keith jeremy terry lawrence sean christian albert joe "
    "ethan austin jesse willie bill billy bruce bryan ralph roy jordan eugene louis luis philip bobby johnny "
    "will lars jonas josiah wendell tomás bruno emeka omar ali ahmed mohammed juan carlos jorge pedro diego "
    "dave mike steve tim jim bob ray lou leo max oscar hugo ossie teddy ted harold howard victor simon "
    "martin alan neil nick nicholas"
)
FIRST_NAMES = WOMEN | MEN
