"""What a change would come to: which documents, what differs, and what is refused in one sentence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fakes import HARBOUR, LANTERNS, FakeEmbedder, answer_of, write_corpus
from linernotes.engine import Engine
from linernotes.errors import CorpusError, DocumentError, EditionError, RefusalError
from linernotes.library.catalogue import OPERATOR, Check, Revision, Upload
from linernotes.library.changes import Add, Change, Hide, Plan, Planner, Reload, Remove, RollBack, Unhide
from linernotes.library.editions import EditionStore
from linernotes.library.previews import Preview, Verdict, compare, meets
from linernotes.library.uploads import Uploads
from linernotes.models import Answer, Document, Edition, Passage, Quote, Unanswered
from linernotes.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

FERRY = b"The ferry sank in 1902. Nobody was on it."
NOW = 1_800_000_000.0


@dataclass
class Desk:
    """A server's library as the planner sees it, and what a moderator does with it, one after another."""

    settings: Settings
    engine: Engine = field(default_factory=lambda: Engine(FakeEmbedder()))
    uploads: Uploads = field(default_factory=lambda: Uploads(None))

    def __post_init__(self) -> None:
        self.editions: EditionStore[Any] = EditionStore(None, self.engine.segments, self.engine.indexes)
        self.planner = Planner(self.settings, self.editions, self.uploads, lambda: NOW)
        self.shared = self.read()
        # Editions live in memory here, for as long as somebody holds them.
        self.held = [self.editions.open_edition(self.shared)]
        self.history = [Revision(1, 1, self.held[0].id, "the shared corpus", NOW, OPERATOR)]

    def read(self) -> tuple[Document, ...]:
        return self.planner.plan(Reload(), Revision(1, 1, "", "", NOW, None), (), ()).documents

    @property
    def newest(self) -> Revision:
        return self.history[0]

    def plan(self, change: Change) -> Plan:
        return self.planner.plan(change, self.newest, self.shared, self.history)

    def do(self, change: Change) -> Plan:
        plan = self.plan(change)
        if isinstance(change, Add):
            self.uploads.save(change.data)
        self.held.append(self.editions.open_edition(plan.documents))
        number = self.newest.number + 1
        revision = Revision(
            1, number, self.held[-1].id, change.what, NOW, 44, plan.own, plan.hidden, plan.follows
        )
        self.history.insert(0, revision)
        return plan

    def refuses(self, change: Change) -> str:
        with pytest.raises(RefusalError) as caught:
            self.plan(change)
        return str(caught.value)


def names(plan: Plan) -> list[str]:
    return [document.name for document in plan.documents]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = write_corpus(tmp_path / "corpus", harbour=HARBOUR, lanterns=LANTERNS)
    return Desk(Settings(corpus_dir=folder))


# --- Adding -----------------------------------------------------------------------------------------------


def test_a_file_is_added_beside_the_shared_documents(desk: Desk) -> None:
    plan = desk.plan(Add("ferry.txt", FERRY))
    assert names(plan) == ["ferry.txt", "harbour.md", "lanterns.md"]
    assert plan.documents[0].text == FERRY.decode()
    assert plan.own == {"ferry.txt": Upload(hashlib.sha256(FERRY).hexdigest(), len(FERRY), NOW)}
    assert (plan.hidden, plan.follows, plan.warnings) == (frozenset(), True, ())


def test_a_plan_keeps_nothing(desk: Desk) -> None:
    desk.plan(Add("ferry.txt", FERRY))
    assert desk.uploads.read(hashlib.sha256(FERRY).hexdigest()) is None


def test_a_file_takes_the_place_of_one_that_was_added_before_and_says_so(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    plan = desk.plan(Add("ferry.txt", b"The ferry was raised in 1903."))
    assert names(plan) == ["ferry.txt", "harbour.md", "lanterns.md"]
    assert plan.documents[0].text == "The ferry was raised in 1903."
    assert plan.own["ferry.txt"].size == 29
    assert plan.warnings == ("It takes the place of the ferry.txt that was added before.",)


def test_what_a_file_is_warned_of_is_told(desk: Desk) -> None:
    plan = desk.plan(Add("ferry.md", b"---\ntitle: A\ntitle: B\n---\n" + FERRY))
    assert "names 'title' again" in plan.warnings[0]


def test_a_name_is_checked_and_composed(desk: Desk) -> None:
    assert "which a name may not have" in desk.refuses(Add("../ferry.md", FERRY))
    assert list(desk.plan(Add("fe\u0301rry.md", FERRY)).own) == ["f\u00e9rry.md"]


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    desk = Desk(Settings(corpus_dir=write_corpus(tmp_path / "corpus"), max_file_bytes=1_000))
    assert names(desk.plan(Add("a.txt", b"Ann. " * 200))) == ["a.txt", "harbour.md"]
    said = desk.refuses(Add("a.txt", b"Ann. " * 200 + b"x"))
    assert said == "The file has 1,001 bytes; I read files of up to 1,000 bytes."


def test_a_corpus_over_the_limit_is_refused(tmp_path: Path) -> None:
    desk = Desk(Settings(corpus_dir=write_corpus(tmp_path / "corpus"), max_corpus_bytes=500))
    rest = sum(len(document.text.encode()) for document in desk.shared)
    desk.do(Add("a.txt", b"x" * (500 - rest)))
    desk.do(Add("a.txt", b"y" * (500 - rest)))
    assert "would have 501 bytes; it may have up to 500" in desk.refuses(Add("a.txt", b"z" * (501 - rest)))
    assert "may have up to 500" in desk.refuses(Add("b.txt", b"z"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"caf\xe9 au lait", "UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"a\0b", "not text"),
        (b"", "no sentence"),
        (b"# A heading alone\n", "no sentence"),
        (b"---\ntitle: {a: b}\n---\nText.", "front matter"),
    ],
    ids=["latin-1", "picture", "zero byte", "empty", "heading", "front matter"],
)
def test_what_is_no_text_to_answer_from_is_refused_with_its_name(desk: Desk, data: bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as caught:
        desk.plan(Add("a.md", data))
    assert caught.value.name == "a.md"


@pytest.mark.parametrize("name", ["harbour.md", "Harbour.MD"])
def test_a_shared_document_is_not_replaced_by_a_file_of_the_same_name(desk: Desk, name: str) -> None:
    assert "shared document 'harbour.md': hide it first" in desk.refuses(Add(name, FERRY))
    desk.do(Hide("harbour.md"))
    assert names(desk.plan(Add(name, FERRY))) == [name, "lanterns.md"]


def test_a_name_that_differs_in_case_alone_is_refused(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    assert "a file 'ferry.txt' already" in desk.refuses(Add("FERRY.txt", b"Another text."))


def test_a_text_that_is_there_already_is_refused_under_any_name(desk: Desk) -> None:
    assert "same text as 'lanterns.md'" in desk.refuses(Add("copy.md", LANTERNS.encode()))
    desk.do(Add("ferry.txt", FERRY))
    assert "same text as 'ferry.txt'" in desk.refuses(Add("copy.txt", FERRY))
    assert "there already, with the same text" in desk.refuses(Add("ferry.txt", FERRY))


def test_the_same_text_with_another_title_is_a_change(desk: Desk) -> None:
    desk.do(Add("ferry.md", FERRY))
    assert desk.plan(Add("ferry.md", b"---\ntitle: The Ferry\n---\n" + FERRY)).documents[0].title


# --- Removing, hiding and taking in again -----------------------------------------------------------------


def test_a_file_of_the_servers_own_is_removed(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    plan = desk.plan(Remove("ferry.txt"))
    assert (names(plan), plan.own) == (["harbour.md", "lanterns.md"], {})


@pytest.mark.parametrize("name", ["harbour.md", "nothing.md", ""])
def test_what_was_not_added_here_is_not_removed(desk: Desk, name: str) -> None:
    assert "has been added in this server" in desk.refuses(Remove(name))


def test_a_shared_document_is_hidden_and_taken_in_again(desk: Desk) -> None:
    plan = desk.do(Hide("harbour.md"))
    assert (names(plan), plan.hidden) == (["lanterns.md"], {"harbour.md"})
    plan = desk.plan(Unhide("harbour.md"))
    assert (names(plan), plan.hidden, plan.warnings) == (["harbour.md", "lanterns.md"], frozenset(), ())
    assert plan.documents == desk.shared


def test_what_is_not_shared_is_not_hidden(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    assert "was added in this server; it can be removed" in desk.refuses(Hide("ferry.txt"))
    assert "no shared document 'nothing.md'" in desk.refuses(Hide("nothing.md"))
    desk.do(Hide("harbour.md"))
    assert "no shared document 'harbour.md'" in desk.refuses(Hide("harbour.md"))


def test_the_last_document_stays(desk: Desk) -> None:
    desk.do(Hide("harbour.md"))
    assert "one document at least must stay" in desk.refuses(Hide("lanterns.md"))
    desk.do(Add("ferry.txt", FERRY))
    desk.do(Hide("lanterns.md"))
    assert "one document at least must stay" in desk.refuses(Remove("ferry.txt"))


def test_what_is_not_hidden_is_not_taken_in_again(desk: Desk) -> None:
    for name in ("harbour.md", "nothing.md"):
        assert "is hidden in this server" in desk.refuses(Unhide(name))


def test_what_a_file_of_the_servers_own_stands_for_is_not_taken_in_again(desk: Desk) -> None:
    desk.do(Hide("harbour.md"))
    desk.do(Add("harbour.md", FERRY))
    assert "which was added here, has its name or its text" in desk.refuses(Unhide("harbour.md"))
    desk.do(Remove("harbour.md"))
    desk.do(Add("mine.md", HARBOUR.encode()))
    assert "'mine.md', which was added here" in desk.refuses(Unhide("harbour.md"))


def test_a_hidden_document_that_is_no_longer_shared_is_taken_off_the_list_with_a_warning(desk: Desk) -> None:
    desk.do(Hide("harbour.md"))
    desk.shared = desk.shared[1:]
    plan = desk.plan(Unhide("harbour.md"))
    assert (names(plan), plan.hidden) == (["lanterns.md"], frozenset())
    assert plan.warnings == ("The shared corpus no longer has a document harbour.md.",)


# --- Reloading and following ------------------------------------------------------------------------------


def test_a_reload_reads_the_folder_and_keeps_what_is_the_servers_own(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    desk.do(Hide("harbour.md"))
    write_corpus(desk.settings.corpus_dir, whale="The whale came in 1880.")
    plan = desk.plan(Reload())
    assert names(plan) == ["ferry.txt", "lanterns.md", "whale.md"]
    assert (plan.own, plan.hidden) == (desk.newest.own, desk.newest.hidden)


def test_a_reload_leaves_out_a_file_that_cannot_be_read_and_names_it(desk: Desk) -> None:
    (desk.settings.corpus_dir / "bad.md").write_bytes(b"caf\xe9")
    plan = desk.plan(Reload())
    assert plan.documents == desk.shared
    assert "bad.md, line 1: is not UTF-8" in plan.warnings[0]
    assert plan.warnings[0].endswith("It is left out.")


def test_a_reload_keeps_a_file_that_cannot_be_read_any_more_as_it_was(desk: Desk) -> None:
    (desk.settings.corpus_dir / "lanterns.md").write_bytes(b"caf\xe9")
    plan = desk.plan(Reload())
    assert plan.documents == desk.shared
    assert "lanterns.md" in plan.warnings[0]
    assert plan.warnings[0].endswith("It is served as it was before.")


def test_a_reload_tells_what_the_corpus_is_warned_of(desk: Desk) -> None:
    write_corpus(desk.settings.corpus_dir, copy=HARBOUR)
    assert any("same text" in warning for warning in desk.plan(Reload()).warnings)


def test_a_servers_own_file_stands_in_place_of_a_shared_one_with_its_name_or_text(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    desk.do(Add("whale.md", b"A whale of our own."))
    write_corpus(desk.settings.corpus_dir, other=FERRY.decode(), whale="The whale came in 1880.")
    plan = desk.plan(Reload())
    assert names(plan) == ["ferry.txt", "harbour.md", "lanterns.md", "whale.md"]
    assert plan.documents[-1].text == "A whale of our own."


def test_a_file_of_the_servers_own_that_is_gone_stands_in_the_edition_still(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    desk.uploads.prune([], [], lambda _: None)
    assert "ferry.txt" in names(desk.plan(Reload()))


def test_a_file_of_the_servers_own_that_is_gone_everywhere_is_named(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    desk.uploads.prune([], [], lambda _: None)
    documents = desk.editions.documents

    def gone(edition: str) -> tuple[Document, ...]:
        return tuple(each for each in documents(edition) if each.name != "ferry.txt")

    desk.editions.documents = gone  # type: ignore[method-assign]
    with pytest.raises(CorpusError, match=r"ferry\.txt, which was added here, is gone or damaged"):
        desk.plan(Reload())
    assert names(desk.plan(Remove("ferry.txt"))) == ["harbour.md", "lanterns.md"], "it can be mended"


def test_a_server_that_hides_all_that_is_left_does_not_follow(desk: Desk) -> None:
    desk.do(Hide("harbour.md"))
    (desk.settings.corpus_dir / "lanterns.md").unlink()
    assert "one document at least must stay" in desk.refuses(Reload())


# --- Rolling back -----------------------------------------------------------------------------------------


def test_rolling_back_restores_documents_files_and_what_is_hidden_and_follows_no_more(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    desk.do(Hide("harbour.md"))
    desk.do(Remove("ferry.txt"))
    plan = desk.do(RollBack(3))
    assert names(plan) == ["ferry.txt", "lanterns.md"]
    assert (list(plan.own), plan.hidden, plan.follows) == (["ferry.txt"], {"harbour.md"}, False)
    assert not desk.do(Hide("lanterns.md")).follows, "further changes leave it there"
    assert desk.plan(Reload()).follows, "its own reload lets it follow again"


def test_rolling_back_does_not_read_the_folder(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    (desk.settings.corpus_dir / "harbour.md").unlink()
    assert desk.plan(RollBack(1)).documents == desk.shared


@pytest.mark.parametrize(("number", "said"), [(2, "is what this server has now"), (7, "no edition #7")])
def test_one_can_go_back_to_an_earlier_revision_alone(desk: Desk, number: int, said: str) -> None:
    desk.do(Add("ferry.txt", FERRY))
    assert said in desk.refuses(RollBack(number))


def test_an_edition_that_is_gone_is_an_error_of_its_own(desk: Desk) -> None:
    desk.do(Add("ferry.txt", FERRY))
    desk.history[1] = replace(desk.history[1], edition="0" * 64)
    with pytest.raises(EditionError, match="no edition"):
        desk.plan(RollBack(1))


# --- Any sequence of changes ------------------------------------------------------------------------------

FILES = {"a.txt": b"Alpha was first.", "b.txt": b"Beta was second.", "c.txt": b"Gamma was third."}
CHANGES: list[Change] = [
    Reload(),
    *(Add(name, data) for name, data in FILES.items()),
    Add("a.txt", b"Alpha was changed."),
    *(Remove(name) for name in FILES),
    *(kind(name) for kind in (Hide, Unhide) for name in ("harbour.md", "lanterns.md")),
    *(RollBack(number) for number in range(1, 6)),
]


# It builds up to thirteen editions, which takes its time where much else goes on.
@hypothesis_settings(deadline=None)
@given(changes=st.lists(st.sampled_from(CHANGES), max_size=12))
def test_after_any_changes_a_server_has_the_shared_documents_it_does_not_hide_and_its_own(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Change]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "shared corpus"
    desk = Desk(Settings(corpus_dir=write_corpus(folder, harbour=HARBOUR, lanterns=LANTERNS)))
    for change in changes:
        try:
            plan = desk.do(change)
        except RefusalError:
            continue
        assert set(names(plan)) == {"harbour.md", "lanterns.md"} - plan.hidden | plan.own.keys()
        assert names(plan) == sorted(names(plan))
        assert desk.planner.follow(desk.newest, desk.shared).documents == plan.documents


# --- Comparing --------------------------------------------------------------------------------------------


def edition(documents: dict[str, tuple[list[str], list[str]]]) -> Edition[Any]:
    """Make an edition of documents, each with the texts of its passages and of its quotations."""
    made, passages, quotes = [], [], []
    for name, (texts, said) in sorted(documents.items()):
        made.append(Document(name, None, None, "\n".join([*texts, "|", *said]), ((0, 1),), ()))
        passages += [Passage(name, n, 0, len(text), text) for n, text in enumerate(texts, 1)]
        quotes += [Quote(((0, len(text)),), text, "Ada", None, name) for text in said]
    return Edition(repr(sorted(documents.items())), tuple(made), tuple(passages), (), tuple(quotes), None)


TEXTS = st.lists(st.sampled_from("abcdef"), max_size=5)
EDITIONS = st.dictionaries(st.sampled_from(["1.md", "2.md", "3.md"]), st.tuples(TEXTS, TEXTS)).map(edition)


@given(EDITIONS)
def test_an_edition_does_not_differ_from_itself(one: Edition[Any]) -> None:
    difference = compare(one, one)
    assert (difference.added, difference.removed, difference.changed) == ((), (), ())
    assert difference.passages_added == difference.passages_removed == difference.passages_changed == 0
    assert difference.quotes_added == difference.quotes_removed == ()


@given(EDITIONS, EDITIONS)
def test_the_counts_add_up(before: Edition[Any], after: Edition[Any]) -> None:
    found = compare(before, after)
    assert len(after.documents) - len(before.documents) == len(found.added) - len(found.removed)
    assert len(after.passages) - len(before.passages) == found.passages_added - found.passages_removed
    assert len(after.quotes) - len(before.quotes) == len(found.quotes_added) - len(found.quotes_removed)
    assert set(found.quotes_added) <= set(after.quotes)
    assert set(found.quotes_removed) <= set(before.quotes)


@given(EDITIONS, EDITIONS)
def test_backwards_what_was_added_is_removed(before: Edition[Any], after: Edition[Any]) -> None:
    there, back = compare(before, after), compare(after, before)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    assert (there.quotes_added, there.quotes_removed) == (back.quotes_removed, back.quotes_added)


def test_passages_are_counted_where_the_text_differs() -> None:
    before = edition({"1.md": (["a", "b", "c", "d"], []), "2.md": (["x", "y"], []), "3.md": (["s"], [])})
    after = edition({"1.md": (["a", "B", "c", "d", "e"], []), "3.md": (["s"], []), "4.md": (["p"], [])})
    found = compare(before, after)
    assert (found.added, found.removed, found.changed) == (("4.md",), ("2.md",), ("1.md",))
    assert (found.passages_added, found.passages_removed, found.passages_changed) == (2, 2, 1)


def test_a_quotation_is_the_same_in_another_place_and_counted_as_often_as_it_stands() -> None:
    before = edition({"1.md": ([], ["yes", "yes", "no"])})
    after = edition({"2.md": ([], ["yes", "no", "perhaps"])})
    found = compare(before, after)
    assert [quote.text for quote in found.quotes_added] == ["perhaps"]
    assert [quote.text for quote in found.quotes_removed] == ["yes"]


def test_another_speaker_makes_another_quotation() -> None:
    before = edition({"1.md": ([], ["yes"])})
    after = replace(before, quotes=(replace(before.quotes[0], speaker="Otto"),))
    found = compare(before, after)
    assert [quote.speaker for quote in (*found.quotes_added, *found.quotes_removed)] == ["Otto", "Ada"]


# --- Check questions --------------------------------------------------------------------------------------


def answer(text: str) -> Answer:
    return answer_of(text)


@pytest.mark.parametrize(
    ("words", "met"),
    [
        ("Ada Stone", True),
        ("ada  stone", True),
        ("Ada; 1871", True),
        ("Ada\n1871\n", True),
        ("Stone Ada", False),
        ("Ada; 1872", False),
        ("Ada\n\nOtto", False),
        ("187", False),
        ("harbor", False),
        ("", True),
    ],
)
def test_an_answer_must_hold_each_word_or_phrase(words: str, met: bool) -> None:
    assert meets(answer("The harbour was built by Ada Stone, in 1871."), words) is met


def test_no_answer_holds_nothing() -> None:
    assert not meets(Unanswered("silent", None, "e"), "")


def test_a_preview_tells_which_check_questions_break_and_which_are_mended(desk: Desk) -> None:
    one = desk.held[0]
    verdicts = tuple(
        Verdict(Check(number, f"{number}?", "x", NOW, 44), before, after, "")
        for number, (before, after) in enumerate([(True, True), (True, False), (False, True), (False, False)])
    )
    plan = desk.plan(Reload())
    difference = compare(one, one)
    preview = Preview("id", 1, 44, Reload(), desk.newest, plan, one, one, difference, verdicts, NOW)
    assert [each.check.number for each in preview.broken] == [1]
    assert [each.check.number for each in preview.mended] == [2]


@pytest.mark.parametrize(
    ("change", "nothing"),
    [
        ({}, True),
        ({"own": {"a.md": Upload("a" * 64, 1, NOW)}}, False),
        ({"hidden": frozenset({"gone.md"})}, False),
        ({"follows": False}, False),
    ],
    ids=["nothing", "own", "hidden", "follows"],
)
def test_a_preview_of_the_same_documents_may_still_change_what_is_whose(
    desk: Desk, change: dict[str, Any], nothing: bool
) -> None:
    one = desk.held[0]
    plan = replace(desk.plan(Reload()), **change)
    preview = Preview("id", 1, 44, Reload(), desk.newest, plan, one, one, compare(one, one), (), NOW)
    assert preview.changes_nothing is nothing


# --- In the place of a shared document --------------------------------------------------------------------


def cover(desk: Desk, name: str, text: bytes) -> None:
    """Let a file of the server's own stand in the place of a shared one that comes later."""
    desk.do(Add(name, FERRY))
    (desk.settings.corpus_dir / "ferry.md").write_bytes(text)
    desk.shared = desk.read()
    desk.do(Reload())


@pytest.mark.parametrize(
    ("name", "text"),
    [("ferry.md", b"Another ferry was painted red."), ("Ferry.md", b"It was red."), ("own.txt", FERRY)],
)
def test_a_file_that_is_removed_gives_its_place_back(desk: Desk, name: str, text: bytes) -> None:
    cover(desk, name, text)
    assert names(desk.plan(Reload())) == sorted([name, "harbour.md", "lanterns.md"])
    plan = desk.plan(Remove(name))
    assert names(plan) == ["ferry.md", "harbour.md", "lanterns.md"]
    assert plan.own == {}
    assert any("ferry.md, in whose place it stood" in warning for warning in plan.warnings)


def test_a_file_with_another_text_gives_the_place_of_its_text_back(desk: Desk) -> None:
    cover(desk, "own.txt", FERRY)
    plan = desk.plan(Add("own.txt", b"The gulls were counted in 1890."))
    assert names(plan) == ["ferry.md", "harbour.md", "lanterns.md", "own.txt"]


def test_a_hidden_document_is_not_given_its_place_back(desk: Desk) -> None:
    (desk.settings.corpus_dir / "ferry.md").write_text("The ferry was red.")
    desk.shared = desk.read()
    desk.do(Reload())
    desk.do(Hide("ferry.md"))
    desk.do(Add("ferry.md", FERRY))
    assert names(desk.plan(Remove("ferry.md"))) == ["harbour.md", "lanterns.md"]


def test_a_shared_document_does_not_come_beside_one_that_differs_in_case_alone(desk: Desk) -> None:
    desk.do(Hide("lanterns.md"))
    desk.do(Add("Lanterns.md", FERRY))
    assert "has its name or its text" in desk.refuses(Unhide("lanterns.md"))
    assert names(desk.plan(Reload())) == ["Lanterns.md", "harbour.md"]


def test_comparing_takes_no_square_of_the_passages() -> None:
    # Line by line, two texts of another rhythm took minutes; nobody waits for so many that way.
    old = edition({"a.md": (["x", "y"] * 4_000, [])})
    new = edition({"a.md": (["x", "y", "y"] * 2_666, [])})
    found = compare(old, new)
    assert (found.passages_added, found.passages_removed, found.passages_changed) == (0, 2, 1_332)
