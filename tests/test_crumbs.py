"""The counting of crumbs: what is left of markup is found, and clean prose is left alone."""

from __future__ import annotations

import functools
import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[1]
HABITS = ROOT / "tests" / "golden" / "habits"


@functools.cache
def crumbs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("crumbs", ROOT / "benchmarks" / "crumbs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["crumbs"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


# One answer for each pattern of the script, with the kind of the first crumb in it.
DIRTY = [
    ("emphasis", "The **Night Ferry was late."),
    ("emphasis", "The Night Ferry** was late."),
    ("emphasis", "She sang *Night Ferry* twice."),
    ("emphasis", "She sang _Night Ferry twice."),
    ("emphasis", "She sang Night Ferry_ twice."),
    ("emphasis", "With “Salt_,_” we had a word for the sea."),
    ("emphasis", "It was ~~late~~ early."),
    ("emphasis", "It has ==nineteen verses==."),
    ("emphasis", "The album ''Cage Songs'' came first."),
    ("emphasis", "The '''Tin Choir is a group."),
    ("emphasis", 'One song, [.title]#"Peat"#, is new.'),
    ("code", "```dataview"),
    ("code", "It is called ``KOT-3`` there."),
    ("code", "See `the group's page <page.html>`__ for more."),
    ("link", "It is on [Night Ferry](/songs/ferry)."),
    ("link", "It is on [Night Ferry]()."),
    ("link", "See [Night Ferry][1]."),
    ("link", "See [her old notebook][mina]."),
    ("link", "![A picture][ferry]"),
    ("link", '[ferry]: /img/ferry.jpg "The ferry"'),
    ("link", "It is on link:ferry.html[Night Ferry]."),
    ("link", "The |kessel|_ came out."),
    ("wiki link", "She knew [[Odo Farrant|Farrant]]."),
    ("wiki link", "Odo Farrant]] wrote it."),
    ("template", "See {{ site.baseurl }}/ferry."),
    ("template", "{% include video.html %}"),
    ("template", "Ann Ruys mixed it. {: .interviewee }"),
    ("template", "Why a shed {#why-a-shed}"),
    ("template", "It is %%check this%% late."),
    ("footnote", "It was late.[^1]"),
    ("footnote", "It was late.[12][13]"),
    ("footnote", 'It was "late."[12]'),
    ("footnote", "[4] Marsh, Lena (2003)."),
    ("footnote", "It was late [12][13]."),
    ("footnote", "It was late [1]_."),
    ("footnote", "It was late.[a] So was she."),
    ("footnote", "It was late [citation needed] by then."),
    ("footnote", "Background[edit]"),
    ("footnote", "It was late.² So was she."),
    ("footnote", "^ a b Marsh, Lena (2003)."),
    ("footnote", "It was late. ^late-1"),
    ("footnote", "It was late.footnote:[By an hour.]"),
    ("footnote", "It was late.1 So was she."),
    ("tag", "It was<br/>late."),
    ("tag", '<A HREF="index.htm">Home'),
    ("tag", '<p class="caption">Ludlow'),
    ("tag", "<!-- wp:paragraph -->"),
    ("entity", "It&#8217;s late."),
    ("entity", "It was&nbsp;late."),
    ("table", "| Night Ferry | 3:10 |"),
    ("table", "Night Ferry | 3:10 | Ida Vane"),
    ("table", "Song |---| Length"),
    ("table", "+-------+----"),
    ("table", '{| class="wikitable"'),
    ("rule", "Set I ======"),
    ("rule", "* * *"),
    ("rule", "It was late. ////"),
    ("shortcode", "[caption]Ida Vane[/caption]"),
    ("shortcode", '[gallery link="file" ids="822,823"]'),
    ("shortcode", "[TOC]"),
    ("shortcode", "[quote, Ida Vane, The Lantern]"),
    ("shortcode", "[!note] It was late."),
    ("shortcode", "image::ferry.jpg[The ferry]"),
    ("directive", ".. note:: It was late."),
    ("directive", "See :ref:`ferry` there."),
    ("directive", ":Author: Ida Vane"),
    ("directive", "[x] The cylinders are in Kirrin."),
    ("directive", "status:: seedling"),
    ("directive", "It was late. #music/folk"),
    ("directive", "$Date: 2008-11-02 $"),
    ("heading", "# Night Ferry"),
    ("heading", "It was late. ## Night Ferry"),
    ("heading", "== Night Ferry"),
    ("heading", "It was late. === Night Ferry ==="),
    ("quote mark", "> It was late."),
    ("page", "It was late. Edit this page"),
    ("page", "Share this: Facebook"),
    ("page", "Subscribe for free to receive new posts."),
    ("reference", "It was late: https://example.org/ferry"),
    ("reference", "Oak Press. ISBN 0-000-00000-1."),
    ("reference", "The Lantern. Retrieved 3 May 2014."),
    ("reference", "Archived from the original on Monday."),
    ("reference", "Marsh, Lena (2003). Oak Songs, pp. 75-76."),
    ("reference", "Category:1985 singles"),
    ("front matter", "---\nIt was late."),
    ("front matter", "layout: post"),
    ("front matter", "Slug: an-evening-with-glass-heron"),
    ("front matter", "draft = false"),
    ("front matter", "Status: published"),
    ("front matter", 'title = "Night Ferry"'),
    ("front matter", "tags: [folk, sea]"),
    ("front matter", "date: 2018-12-15 07:07"),
    ("front matter", "X-Mailer: Pine 4.44"),
    ("time stamp", "[00:12:31] GUNN: She did."),
    ("checksum", "a3d5c9e08f714b26b2e7d9104c6f8a5b ferry.shn"),
    ("escape", r"It reached number 4\."),
]

CLEAN = [
    "“I never hid it [the kettle],” she says. [laughs] “No [sic] comment.”",
    "“[T]he[y] came in [1984], when I was [12] years old,” says Ida Vane.",
    "[Laughs.] [crosstalk] Three. [inaudible 00:04:12] Everybody thinks it's twenty.",
    "[laughs][coughs] It was late.",
    "Ida Vane [he means [Tom] Vane] sang it.",
    "The A&R man liked R&B, drum & bass, Q&As and M&Ms; he signed AT&T; nobody knows why.",
    "4**4 is 256, 2*3*4 is 24, and 3 * 4 * 5 is 60; x_1 and y_2 are two of them.",
    "M*A*S*H, f**k and sh** were on the radio. *NSYNC was not.",
    "**** out of five, or ***½ on a Monday.",
    "Salt Year * [ 5:50], Night Ferry + [11:22], Elevation > Moraine -> Elevation --> Tillman",
    "* = with Ann Ruys on fiddle",
    "It cost < £5 and > £3, and <3 is a heart; the song is called <Intro>, the next one <Love Yourself>.",
    "The 7'' and the 12'' came out with a 10\" on rock 'n' roll Records.",
    "`Til I die, they sang, `til I die.",
    "She is @the_band_ on the network, and he said ¯\\_(ツ)_/¯ to that. #saltyear went round.",
    "He lives at No. 1 Oak Street; track #1 is the best, and C# minor is its key.",
    "“#1” was number one in 10² cities of 5 m², in 50% of homes, +-3.",
    "Lord ---- said that it was late -- very late --- too late.",
    "Ann Ruys (born 1 May 1950 | died 2 May 2010) sang.",
    "Odo: vocals\nIda: bass\nDate: 3 May\nSource: The Lantern\nStatus: out of print\nLayout: Ann Ruys",
    "SLUG: We made it in a barn. Comments: none. Title: Salt Year.",
    "The ratio is 3:1 at 10:45:30 in the morning, from 11:30 on.",
    "Visit www.example.org, or write to ida@example.org, or fill in the ______ by hand.",
    "- Garden Centre Radio, 3:12\n- Tin Roof Weather, 5:47",
    "1. Salt Year\n2) Night Ferry",
    "It was No.1 in May, on Vol.2 Oak made a mistake, and version 1.2 Ruys mended; 7.30 Mondays.",
    "She went back to top form, and jumped to navigation school. He retrieved the tape on 3 May 2014.",
    'Solange (/səˈlænʒ/), "Soso", sang AC/DC\'s song at http volume.',  # noqa: RUF001  as dictionaries do
    "“Is this Wow! [the album]?” “Oh![sic]”",
    "Produced by Hugo Maartens; engineered at the salting shed; S/T, w/ Ann Ruys.",
    "The Iron Maiden :: Live tape, std::pair, 5::2.",
]


@pytest.mark.parametrize(("kind", "text"), DIRTY)
def test_a_crumb_is_found(kind: str, text: str) -> None:
    """What is left of markup is found, under the name of its kind."""
    assert kind in {crumb.kind for crumb in crumbs().find_crumbs(text)}


@pytest.mark.parametrize("text", CLEAN)
def test_clean_prose_has_no_crumb(text: str) -> None:
    """Brackets, stars, signs and names of prose are no markup."""
    assert crumbs().find_crumbs(text) == ()


def test_every_pattern_has_an_example() -> None:
    """No pattern stands there without an answer that needs it."""
    idle = [
        pattern.pattern
        for kind, patterns in crumbs().CRUMBS.items()
        for pattern in patterns
        if not any(pattern.search(text) for named, text in DIRTY if named == kind)
    ]
    assert idle == []


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in HABITS.glob("*/clean.txt")))
def test_the_texts_as_their_sites_show_them_have_no_crumb(folder: str) -> None:
    """Whole articles as a reader sees them are clean to the script, and their files are not."""
    lines = (HABITS / folder / "clean.txt").read_text(encoding="utf-8").splitlines()
    shown = [line.removeprefix("# ").removeprefix("~ ") for line in lines]
    assert [crumb for line in shown for crumb in crumbs().find_crumbs(line)] == []
    (file,) = (HABITS / folder / "corpus").iterdir()
    assert crumbs().find_crumbs(file.read_text(encoding="utf-8-sig"))


def lines(*texts: str) -> str:
    return "".join(
        json.dumps({"question": "who?", "answered": bool(text), "text": text}) + "\n" for text in texts
    )


def test_answers_are_counted_and_not_crumbs() -> None:
    """An answer with three crumbs counts once, and a refusal not at all."""
    answers = lines("**Ida** [[Vane]] sang.[1]", "Ida Vane sang.", "", "Ida &amp; Tom sang.", "Tom sang.")
    total, found = crumbs().count(crumbs().read_answers(answers.split("\n"), "a.jsonl"))
    assert total == 4
    assert [(each.place, {crumb.kind for crumb in each.crumbs}) for each in found] == [
        ("a.jsonl:1", {"emphasis", "wiki link", "footnote"}),
        ("a.jsonl:4", {"entity"}),
    ]


def test_the_share_and_the_kinds_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The share is of the answers in all files, and each crumb is listed with its place."""
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    first.write_text(lines("Ida **Vane** sang.", "Ida Vane sang."), encoding="utf-8")
    second.write_text(lines("Tom sang.", "Tom sang again."), encoding="utf-8")
    assert crumbs().main([str(first), str(second)]) == 1
    out = capsys.readouterr().out
    assert f"{first}:1  who?\n    emphasis: Ida **Vane** sang." in out
    assert out.endswith("     1  emphasis\n1 of 4 answers have a crumb (25.0%)\n")


def test_standard_input_without_crumbs_ends_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a file, standard input is read, and clean answers end with 0."""
    monkeypatch.setattr("sys.stdin", io.StringIO(lines("Ida Vane sang.\u2028Tom did not.")))
    assert crumbs().main([]) == 0
    assert capsys.readouterr().out == "0 of 1 answers have a crumb (0.0%)\n"


@pytest.mark.parametrize("line", ["{", "[]", '{"question": "who?"}', '{"text": null}'])
def test_a_line_that_is_no_answer_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """A file of something else is no 0%: the line is named and the status is 2."""
    file = tmp_path / "a.jsonl"
    file.write_text(lines("Ida Vane sang.") + line + "\n", encoding="utf-8")
    assert crumbs().main([str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{file}:2" in captured.err
