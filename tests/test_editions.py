"""Segments and editions on disk: embedded once, whole or not there, and never in the way of an answer."""

from __future__ import annotations

import errno
import gc
import hashlib
import itertools
import json
import logging
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amounts import examples, slow
from linernotes.errors import (
    CorpusError,
    DataFolderBusyError,
    EditionDamagedError,
    EditionError,
    EditionUnsavedError,
)
from linernotes.library.editions import EditionStore
from linernotes.library.locks import lock
from linernotes.models import Block, Document, Edition, Passage, PreparedSegment, Quote, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# --- Fakes and helpers ------------------------------------------------------------------------------------


@dataclass
class Segments:
    """Makes a passage of every paragraph, and remembers what it was given."""

    settings: str = "model 1"
    given: list[Document] = field(default_factory=list)

    @property
    def made(self) -> list[str]:
        return [document.name for document in self.given]

    def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
        self.given.append(document)
        spans = [
            (block.start, block.end, document.text[block.start : block.end]) for block in document.blocks
        ]
        bits = np.frombuffer(hashlib.sha256(document.text.encode()).digest(), np.uint8)
        progress(1, 1)
        return PreparedSegment(
            tuple(Passage(document.name, n, *span, heading=None) for n, span in enumerate(spans, 1)),
            tuple(Sentence(document.name, n, *span, tied=n > 1) for n, span in enumerate(spans, 1)),
            tuple(Quote((span[:2],), span[2], None, "GQ", document.name) for span in spans),
            {"vectors": bits.astype(np.float32), "tokens": bits.astype(np.float16).reshape(4, 8)},
        )


@dataclass
class Indexes:
    """Builds the list of all words and all vectors."""

    settings: str = "index 1"
    built: int = 0

    def build(self, parts: Sequence[PreparedSegment]) -> tuple[list[str], list[float]]:
        self.built += 1
        return (
            [word for part in parts for passage in part.passages for word in passage.text.split()],
            [float(x) for part in parts for x in part.arrays["vectors"]],
        )

    def save(self, index: tuple[list[str], list[float]], folder: Path) -> None:
        (folder / "words.json").write_text(json.dumps(index[0]))
        np.save(folder / "vectors.npy", np.array(index[1]))

    def load(self, folder: Path, parts: Sequence[PreparedSegment]) -> tuple[list[str], list[float]]:
        words = json.loads((folder / "words.json").read_text())
        return words, np.load(folder / "vectors.npy", allow_pickle=False).tolist()


class Store(EditionStore[Any]):
    """A store with fakes, freshly started."""

    def __init__(
        self, folder: Path | None, segments: Segments | None = None, index: Indexes | None = None
    ) -> None:
        self.segments = segments or Segments()
        self.indexes = index or Indexes()
        super().__init__(folder, self.segments, self.indexes)


def article(name: str, text: str, **labels: Any) -> Document:
    blocks, start = [], 0
    for paragraph in text.split("\n\n"):
        blocks.append(Block("paragraph", start, start + len(paragraph)))
        start += len(paragraph) + 2
    document = Document(name, None, None, text, ((0, 1),), tuple(blocks))
    return replace(document, **labels)


def corpus(version: int = 0) -> tuple[Document, ...]:
    """Two documents that stay and one that differs with each version."""
    return (
        article("a.md", "Anderson .Paak sings.\n\n“I am trying,” he said.", title="RUN", date="2021-08-02"),
        article("b.md", "Attucks fell first, in 1770."),
        article("c.md", f"This is version {version}."),
    )


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def rewrite_manifest(place: Path, **changes: Any) -> None:
    """Make the manifest agree with the files, as somebody would who can compute a checksum."""
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["files"] = {
        path.relative_to(place).as_posix(): [
            path.stat().st_size,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        ]
        for path in files_below(place)
        if path.name != "manifest.json"
    }
    (place / "manifest.json").write_text(json.dumps(manifest | changes))


def serve_from(folder: Path, edition: Edition[Any]) -> None:
    """Name the edition that is served, in one step: what the database does in the bot."""
    (folder / "named.new").write_text(edition.id)
    (folder / "named.new").replace(folder / "named")


def served(folder: Path) -> str:
    return (folder / "named").read_text()


def fail(code: int) -> Callable[..., Any]:
    def failing(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return failing


def make_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every write, as a read-only disk does; file modes would not stop root, who may run the tests."""
    for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "symlink", "truncate"):
        monkeypatch.setattr(os, name, fail(errno.EROFS))
    open_file, open_path = os.open, Path.open

    def guarded_file(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            fail(errno.EROFS)()
        return open_file(path, flags, *args, **kwargs)

    def guarded_path(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wax+"):
            fail(errno.EROFS)()
        return open_path(path, mode, *args, **kwargs)

    monkeypatch.setattr(os, "open", guarded_file)
    monkeypatch.setattr(Path, "open", guarded_path)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flush nothing: what is flushed has a test of its own, and a killed process loses nothing written."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder in memory where the system has one: these tests make and remove thousands of folders."""
    shared = Path("/dev/shm")  # noqa: S108  a folder of our own within it
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def tmp_path(memory: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=memory))


@pytest.fixture(scope="module")
def saved(memory: Path) -> Path:
    """A data folder with one edition, which is served; copied, never changed."""
    folder = memory / "saved"
    serve_from(folder, Store(folder).open_edition(corpus()))
    return folder


@pytest.fixture
def data(saved: Path, tmp_path: Path) -> Path:
    """Return a copy of the saved data folder, to be changed."""
    return Path(shutil.copytree(saved, tmp_path / "data"))


@pytest.fixture(scope="module")
def whole() -> Edition[Any]:
    """What the saved edition must be, made without a disk."""
    return Store(None).open_edition(corpus())


# --- Embedded once ----------------------------------------------------------------------------------------


def test_the_next_start_embeds_and_builds_nothing(data: Path, whole: Edition[Any]) -> None:
    store = Store(data)
    assert store.open_edition(corpus()) == whole
    assert (store.segments.made, store.indexes.built) == ([], 0)


def test_one_changed_document_of_200_is_embedded_alone(tmp_path: Path) -> None:
    documents = [article(f"{n}.md", f"Text {n}.") for n in range(200)]
    Store(tmp_path).open_edition(documents)
    documents[77] = article("77.md", "Another text.")
    store = Store(tmp_path)
    edition = store.open_edition(documents)
    assert store.segments.made == ["77.md"]
    assert edition == Store(None).open_edition(documents)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "z/renamed.md"},
        {"title": "Another"},
        {"artist": "Another"},
        {"source": "https://example.org"},
        {"date": "1999-01-01"},
        {"lines": ((0, 7),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_new_label_embeds_nothing_and_is_shown(data: Path, change: dict[str, Any]) -> None:
    documents = [replace(corpus()[0], **change), *corpus()[1:]]
    store = Store(data)
    edition = store.open_edition(documents)
    assert store.segments.made == []
    assert edition == Store(None).open_edition(documents)


@pytest.mark.parametrize("change", [{"language": "fr"}, {"blocks": (Block("quote", 0, 8),)}])
def test_another_reading_of_the_same_text_is_embedded_again(data: Path, change: dict[str, Any]) -> None:
    store = Store(data)
    store.open_edition([replace(corpus()[0], **change), *corpus()[1:]])
    assert store.segments.made == ["a.md"]


def test_two_documents_with_the_same_text_are_embedded_once_and_keep_their_names(tmp_path: Path) -> None:
    store = Store(tmp_path)
    edition = store.open_edition([article("b.md", "Same."), article("a.md", "Same.")])
    assert len(store.segments.made) == 1
    assert [passage.document for passage in edition.passages] == ["a.md", "b.md"]


def test_the_maker_never_sees_the_labels_that_a_segment_must_not_depend_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open_edition([article("a.md", "Text.", title="t", artist="a", source="s", date="d")])
    assert store.segments.given == [article("a.md", "Text.")]


def test_a_build_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    class Stopped(Segments):
        def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
            if document.name == "c.md":
                raise KeyboardInterrupt
            return super().make(document, progress)

    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path, Stopped()).open_edition(corpus())
    store = Store(tmp_path)
    store.open_edition(corpus())
    assert store.segments.made == ["c.md"]


@settings(max_examples=examples(40), deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4),
    labels=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_saved_is_what_was_made(memory: Path, texts: list[str], labels: str) -> None:
    documents = [article(f"{n}{labels}", text, title=labels) for n, text in enumerate(texts)]
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        made = Store(Path(folder)).open_edition(documents)
        store = Store(Path(folder))
        assert store.load(made.id) == made
        assert store.segments.made == []


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "u1", "?"])
def test_an_array_comes_back_with_its_type_and_shape(tmp_path: Path, dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)

    class Arrays(Segments):
        def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
            made = super().make(document, progress)
            return replace(made, arrays={**made.arrays, "more": array, "empty": array[:0]})

    class Kept(Indexes):
        def load(self, folder: Path, parts: Sequence[PreparedSegment]) -> Any:
            return parts[0].arrays

    Store(tmp_path, Arrays()).open_edition(corpus())
    arrays = Store(tmp_path, index=Kept()).open_edition(corpus()).index
    np.testing.assert_array_equal(arrays["more"], array, strict=True)
    np.testing.assert_array_equal(arrays["empty"], array[:0], strict=True)


def test_an_id_is_the_same_wherever_and_in_whatever_order(tmp_path: Path, whole: Edition[Any]) -> None:
    assert Store(tmp_path).open_edition(reversed(corpus())).id == whole.id


@pytest.mark.parametrize(
    "other",
    [
        lambda: Store(None).open_edition(corpus(1)),
        lambda: Store(None).open_edition([*corpus()[:2], replace(corpus()[2], title="New")]),
        lambda: Store(None, Segments("model 2")).open_edition(corpus()),
        lambda: Store(None, index=Indexes("index 2")).open_edition(corpus()),
    ],
    ids=["text", "title", "model", "index"],
)
def test_an_id_differs_with(other: Callable[[], Edition[Any]], whole: Edition[Any]) -> None:
    assert other().id != whole.id


def test_servers_with_the_same_documents_share_one_edition(data: Path) -> None:
    store = Store(data)
    assert store.open_edition(corpus()) is store.load(served(data))


def arrays_in(edition: Edition[Any]) -> dict[str, np.ndarray[Any, Any]]:
    return {segment.passages[0].text: segment.arrays["tokens"] for segment in edition.segments}


@pytest.mark.parametrize("folder", [True, False])
def test_editions_with_the_same_document_share_its_arrays(data: Path, folder: bool) -> None:
    store = Store(data if folder else None)
    one, two = store.open_edition(corpus()), store.open_edition(corpus()[:2])
    assert arrays_in(two).keys() < arrays_in(one).keys()
    assert all(array is arrays_in(one)[text] for text, array in arrays_in(two).items())


def test_the_arrays_go_with_the_last_edition_that_has_the_document(data: Path) -> None:
    store = Store(data)
    editions = [store.open_edition(corpus()), store.open_edition(corpus(1))]
    ours = weakref.ref(arrays_in(editions[0])["This is version 0."])
    common = weakref.ref(arrays_in(editions[0])["Attucks fell first, in 1770."])
    del editions[0]
    gc.collect()
    assert ours() is None
    assert common() is not None
    del editions[0]
    gc.collect()
    assert common() is None


def test_a_document_under_two_names_shares_its_arrays_and_keeps_its_names(data: Path) -> None:
    store = Store(data)
    ours = store.open_edition([article("ours.md", "The same words.")])
    theirs = store.open_edition([article("theirs.md", "The same words.")])
    array = arrays_in(theirs)["The same words."]
    assert array is arrays_in(ours)["The same words."]
    assert [edition.passages[0].document for edition in (ours, theirs)] == ["ours.md", "theirs.md"]
    # The one that brought the arrays goes; they are still found.
    del ours
    gc.collect()
    third = store.open_edition([article("third.md", "The same words.")])
    assert arrays_in(third)["The same words."] is array
    assert third.quotes[0].document == "third.md"


def test_a_segment_in_use_whose_folder_has_gone_is_saved_again(data: Path) -> None:
    store = Store(data)
    held = store.open_edition(corpus())
    shutil.rmtree(data / "segments")
    other = store.open_edition(corpus()[:2])
    restarted = Store(data)
    assert restarted.load(other.id) == other
    assert restarted.segments.made == []
    assert store.segments.made == []
    assert len(held.segments) == 3


def test_progress_tells_what_is_read_embedded_and_indexed(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    Store(tmp_path).open_edition(corpus()[:2], lambda *step: told.append(step))
    assert told == [
        ("read", 1, 2),
        ("read", 2, 2),
        ("embed", 1, 1),
        ("split", 1, 2),
        ("embed", 1, 1),
        ("split", 2, 2),
        ("index", 0, 1),
        ("index", 1, 1),
    ]


def test_two_documents_with_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"a\.md"):
        Store(tmp_path).open_edition([article("a.md", "One."), article("a.md", "Two.")])


@pytest.mark.parametrize(
    "wrong",
    [
        {"passages": (Passage("a.md", 1, 0, 4, "Other"),)},
        {"sentences": (Sentence("a.md", 1, 0, 4, "Other"),)},
        {"quotes": (Quote(((0, 1), (2, 3)), "Other", None, None, "a.md"),)},
        {"arrays": {"objects": np.array([{}], dtype=object)}},
        {"arrays": {"../up": np.zeros(1)}},
    ],
    ids=["passage", "sentence", "quote", "objects", "name"],
)
def test_a_segment_that_does_not_fit_its_document_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    class Wrong(Segments):
        def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
            return replace(super().make(document, progress), **wrong)

    with pytest.raises(EditionError, match=r"a\.md"):
        Store(tmp_path, Wrong()).open_edition(corpus())
    assert files_below(tmp_path) == []


# --- Damaged and foreign ----------------------------------------------------------------------------------


def flip(path: Path, at: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(at * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "first byte": lambda path: flip(path, 0),
    "middle byte": lambda path: flip(path, 0.5),
    "last byte": lambda path: flip(path, 1),
    "truncated": lambda path: os.truncate(path, path.stat().st_size - 1),
    "emptied": lambda path: os.truncate(path, 0),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "removed": lambda path: path.unlink(),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: path.symlink_to(path.rename(path.parents[2] / "elsewhere")),
    "one more file": lambda path: path.with_name("more.npy").write_bytes(b""),
}


@pytest.mark.parametrize(
    "damage",
    [
        *("middle byte", "truncated", "removed", "a pipe", "one more file"),
        *slow(["first byte", "last byte", "emptied", "longer", "a link"]),
    ],
)
def test_damage_to_any_file_is_named_once_and_mended(
    data: Path, whole: Edition[Any], caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    files = [path for path in files_below(data) if path.parent != data]
    assert len(files) == 3 * 4 + 4
    for path in files:
        DAMAGE[damage](path)
        caplog.clear()
        assert Store(data).open_edition(corpus()) == whole, path
        [warning] = warnings_in(caplog)
        assert str(data / Path(*path.relative_to(data).parts[:2])) in warning
        caplog.clear()
        mended = Store(data)
        assert mended.open_edition(corpus()) == whole
        assert (mended.segments.made, mended.indexes.built, warnings_in(caplog)) == ([], 0, [])


@pytest.fixture(scope="module")
def mended(saved: Path, memory: Path) -> Path:
    """A copy that is damaged and mended again and again."""
    return Path(shutil.copytree(saved, memory / "mended"))


@settings(max_examples=examples(100), deadline=None)
@given(choice=st.randoms(use_true_random=False), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(mended: Path, choice: random.Random, bit: int) -> None:
    path = choice.choice([path for path in files_below(mended) if path.parent != mended])
    content = bytearray(path.read_bytes())
    content[choice.randrange(len(content))] ^= 1 << bit
    path.write_bytes(content)
    store = Store(mended)
    store.open_edition(corpus())
    assert len(store.segments.made) + store.indexes.built == 1, path


@pytest.mark.parametrize("kind", ["segments", "editions"])
@pytest.mark.parametrize("change", [{"settings": "model 9"}, {"format": 2}, {"id": "0" * 64}], ids=str)
def test_what_another_version_or_model_wrote_is_named_and_made_again(
    data: Path, whole: Edition[Any], caplog: pytest.LogCaptureFixture, kind: str, change: dict[str, Any]
) -> None:
    place = next((data / kind).iterdir())
    rewrite_manifest(place, **change)
    assert Store(data).open_edition(corpus()) == whole
    [warning] = warnings_in(caplog)
    assert str(place) in warning


@pytest.mark.parametrize("kind", ["segments", "editions"])
@pytest.mark.parametrize("replacement", ["file", "link", "empty folder"])
def test_what_stands_in_the_place_of_a_folder_is_replaced(
    data: Path, whole: Edition[Any], kind: str, replacement: str
) -> None:
    place = next((data / kind).iterdir())
    elsewhere = place.rename(data / "elsewhere")
    if replacement == "file":
        place.write_text("not a folder")
    elif replacement == "link":
        place.symlink_to(elsewhere)
    else:
        place.mkdir()
    assert Store(data).open_edition(corpus()) == whole
    assert place.is_dir()
    assert not place.is_symlink()
    assert len(files_below(elsewhere)) == 4, "what a link leads to is not ours to touch"


def test_no_pickle_is_ever_loaded(
    data: Path, whole: Edition[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    pickle.loads(pickle.dumps(Trap()))  # noqa: S301  shows that the trap works
    (tmp_path / "sprung").unlink()
    for place in (data / "segments").iterdir():
        np.save(place / "vectors.npy", np.array([Trap()], dtype=object), allow_pickle=True)
        (place / "tokens.npy").write_bytes(pickle.dumps(Trap()))
        rewrite_manifest(place)
    assert Store(data).open_edition(corpus()) == whole
    assert len(warnings_in(caplog)) == 3
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["../../secret.npy", "{absolute}"])
def test_a_manifest_cannot_lead_out_of_its_folder(data: Path, name: str, whole: Edition[Any]) -> None:
    secret = data / "secret.npy"
    np.save(secret, np.zeros(32, np.float32))
    place = next((data / "segments").iterdir())
    rewrite_manifest(place)
    manifest = json.loads((place / "manifest.json").read_text())
    size_and_digest = [secret.stat().st_size, hashlib.sha256(secret.read_bytes()).hexdigest()]
    manifest["files"][name.format(absolute=secret)] = size_and_digest
    (place / "manifest.json").write_text(json.dumps(manifest))
    store = Store(data)
    assert store.open_edition(corpus()) == whole
    assert len(store.segments.made) == 1


BAD_IDS = ["", ".", "../segments", "/etc", "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 64 + "/..", "0" * 64]


@pytest.mark.parametrize("bad", BAD_IDS)
def test_an_id_that_names_no_edition_is_refused(data: Path, bad: str) -> None:
    store = Store(data)
    with pytest.raises(EditionError):
        store.load(bad)
    with pytest.raises(EditionError):
        store.documents(bad)


def test_an_edition_of_another_model_is_made_again_from_its_documents(data: Path) -> None:
    old = served(data)
    store = Store(data, Segments("model 2"))
    edition = store.load(old)
    assert edition.id != old
    assert edition.documents == corpus()
    assert store.segments.made == ["a.md", "b.md", "c.md"]


def test_an_edition_with_a_damaged_index_is_loaded_from_its_documents(
    data: Path, whole: Edition[Any]
) -> None:
    flip(data / "editions" / whole.id / "index" / "words.json", 0)
    assert Store(data).load(whole.id) == whole


@pytest.mark.parametrize("error", [RuntimeError, KeyError, EOFError])
def test_an_index_that_does_not_load_is_built_again(
    data: Path, whole: Edition[Any], caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    class Strange(Indexes):
        def load(self, folder: Path, parts: Sequence[PreparedSegment]) -> Any:
            raise error("strange")

    assert Store(data, index=Strange()).open_edition(corpus()) == whole
    [warning] = warnings_in(caplog)
    assert whole.id in warning


def test_an_edition_whose_documents_are_damaged_is_not_loaded(data: Path, whole: Edition[Any]) -> None:
    flip(data / "editions" / whole.id / "documents.json", 0.5)
    for read in (Store(data).load, Store(data).documents):
        with pytest.raises(EditionDamagedError, match=r"documents\.json"):
            read(whole.id)


def test_documents_of_a_wrong_shape_are_not_loaded(data: Path, whole: Edition[Any]) -> None:
    place = data / "editions" / whole.id
    (place / "documents.json").write_text('[[{"name": 7}, "x"]]')
    rewrite_manifest(place)
    with pytest.raises(EditionDamagedError):
        Store(data).load(whole.id)


# --- The documents of an edition --------------------------------------------------------------------------


def test_the_documents_of_a_saved_edition_are_read_without_making_anything(
    data: Path, whole: Edition[Any]
) -> None:
    shutil.rmtree(data / "segments")
    store = Store(data, Segments("model 2"))
    assert store.documents(whole.id) == corpus()
    assert store.segments.made == []


def test_the_documents_of_an_edition_that_somebody_holds_are_there_without_the_disk(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        store = Store(folder)
        held = store.open_edition(corpus())
        shutil.rmtree(tmp_path / "editions", ignore_errors=True)
        assert store.documents(held.id) is held.documents


# --- Pruning ----------------------------------------------------------------------------------------------


def test_pruning_leaves_the_kept_editions_and_their_segments_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    ids = [store.open_edition(corpus(version)).id for version in range(4)]
    (tmp_path / "editions" / "notes.txt").write_text("not ours")
    store.prune(ids[1:3])
    assert {path.name for path in (tmp_path / "editions").iterdir()} == {*ids[1:3], "notes.txt"}
    assert len(list((tmp_path / "segments").iterdir())) == 4
    restarted = Store(tmp_path)
    for version in (1, 2):
        assert restarted.load(ids[version]) == Store(None).open_edition(corpus(version))
    assert restarted.segments.made == []


def test_pruning_again_reads_no_list_of_documents_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    ids = [store.open_edition(corpus(version)).id for version in range(3)]
    store.prune(ids[:2])
    monkeypatch.setattr(store, "_listing", None)
    store.prune(ids[:2])
    store.prune(ids[:1])
    assert {path.name for path in (tmp_path / "editions").iterdir()} == {ids[0]}
    assert store._listed.keys() <= {ids[0]}


def test_an_edition_that_somebody_holds_is_not_pruned(data: Path) -> None:
    store = Store(data)
    held = store.open_edition(corpus(1))
    store.prune([])
    restarted = Store(data)
    assert restarted.load(held.id) == held
    assert restarted.segments.made == []


def test_no_segment_is_removed_while_a_kept_edition_cannot_be_read(
    data: Path, whole: Edition[Any], caplog: pytest.LogCaptureFixture
) -> None:
    flip(data / "editions" / whole.id / "documents.json", 0)
    before = files_below(data / "segments")
    Store(data).prune([whole.id])
    assert files_below(data / "segments") == before
    [warning] = warnings_in(caplog)
    assert whole.id in warning


def test_pruning_forgets_what_is_kept_in_memory() -> None:
    store = Store(None)
    first = store.open_edition(corpus(0)).id
    second = store.open_edition(corpus(1))
    store.prune([second.id])
    assert store.load(second.id) is second
    with pytest.raises(EditionError):
        store.load(first)
    store.open_edition(corpus(0))
    assert store.segments.made == ["a.md", "b.md", "c.md", "c.md", "c.md"]


# --- Nothing can be written -------------------------------------------------------------------------------


@pytest.fixture(params=["below a file", "read-only", "no room to flush", "no room for arrays", "no rename"])
def unwritable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which nothing can be written, for one reason or another."""
    if request.param == "below a file":
        (tmp_path / "file").write_text("a file")
        return tmp_path / "file" / "data"
    if request.param == "read-only":
        make_read_only(monkeypatch)
        return tmp_path / "data"
    where, name, code = {
        "no room to flush": (os, "fsync", errno.ENOSPC),
        "no room for arrays": (np, "save", errno.ENOSPC),
        "no rename": (os, "rename", errno.EACCES),
    }[request.param]
    monkeypatch.setattr(where, name, fail(code))
    return tmp_path / "data"


def test_where_nothing_can_be_written_it_works_in_memory_with_one_warning(
    unwritable: Path, caplog: pytest.LogCaptureFixture, whole: Edition[Any]
) -> None:
    with lock(unwritable):
        store = Store(unwritable)
        edition = store.open_edition(corpus())
        assert edition == whole
        store.open_edition(corpus(1))
        store.prune([whole.id])
        assert store.load(whole.id) is edition
        assert store.segments.made == ["a.md", "b.md", "c.md", "c.md"]
    [warning] = warnings_in(caplog)
    assert str(unwritable) in warning


def test_what_was_saved_is_used_where_nothing_can_be_written(
    data: Path, whole: Edition[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = files_below(data)
    make_read_only(monkeypatch)
    with lock(data):
        store = Store(data)
        assert store.load(whole.id) == whole
        store.prune([])
    assert store.segments.made == []
    assert files_below(data) == before
    assert len(warnings_in(caplog)) == 1


def test_on_a_full_disk_the_old_edition_stays_and_the_new_one_is_saved_once_there_is_room(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, whole: Edition[Any]
) -> None:
    store = Store(data)
    with monkeypatch.context() as full:
        full.setattr(np, "save", fail(errno.ENOSPC))
        new = store.open_edition(corpus(1))
        assert store.load(new.id) is new
    assert len(warnings_in(caplog)) == 1
    restarted_full = EditionStore(data, Segments(), Indexes())
    assert restarted_full.load(whole.id) == whole
    with pytest.raises(EditionError):
        restarted_full.load(new.id)
    store.open_edition(corpus(2))
    restarted = Store(data)
    assert restarted.load(new.id) == new
    assert restarted.segments.made == []
    with monkeypatch.context() as full:
        full.setattr(np, "save", fail(errno.ENOSPC))
        store.open_edition(corpus(3))
    assert len(warnings_in(caplog)) == 2, "a disk that is full again is worth another warning"


def test_saving_where_nothing_can_be_written_says_why(unwritable: Path) -> None:
    store = Store(unwritable)
    edition = store.open_edition(corpus())
    with pytest.raises(EditionUnsavedError, match=r"cannot be saved: \w.*\.$") as caught:
        store.save(edition)
    assert caught.value.args[0].split(": ")[1].removesuffix(".") in {
        os.strerror(code) for code in (errno.ENOTDIR, errno.EROFS, errno.ENOSPC, errno.EACCES)
    }
    assert store.load(edition.id) is edition, "it goes on in memory"


def test_why_it_cannot_be_saved_names_no_file_and_the_log_does(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = "Error: could not open /secret/index.faiss for writing"

    def refuse(*_given: object, **_options: object) -> None:
        raise RuntimeError(said)

    store = Store(data)
    with monkeypatch.context() as full:
        full.setattr(np, "save", refuse)
        with pytest.raises(EditionUnsavedError, match=r"cannot be saved: it cannot be written\.$"):
            store.save(store.open_edition(corpus(1)))
    assert said in caplog.text


def test_what_could_not_be_saved_is_saved_when_it_is_asked_for_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(data)
    with monkeypatch.context() as full:
        full.setattr(np, "save", fail(errno.ENOSPC))
        edition = store.open_edition(corpus(1))
        with pytest.raises(EditionUnsavedError):
            store.save(edition)
    store.save(edition)
    restarted = Store(data)
    assert restarted.load(edition.id) == edition
    assert restarted.segments.made == []


def test_an_edition_whose_folder_has_gone_is_saved_again(data: Path) -> None:
    store = Store(data)
    edition = store.open_edition(corpus())
    shutil.rmtree(data / "editions")
    store.save(edition)
    assert Store(data).load(edition.id) == edition


def test_a_damaged_edition_that_cannot_be_mended_is_not_taken_for_saved(
    data: Path, monkeypatch: pytest.MonkeyPatch, whole: Edition[Any]
) -> None:
    flip(data / "editions" / whole.id / "documents.json", 0.5)
    store = Store(data)
    with monkeypatch.context() as full:
        full.setattr(np, "save", fail(errno.ENOSPC))
        edition = store.open_edition(corpus())
        with pytest.raises(EditionUnsavedError, match="No space left on device"):
            store.save(edition)
    store.save(edition)
    assert Store(data).load(whole.id) == whole


def test_saving_an_edition_that_is_saved_writes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(data)
    edition = store.open_edition(corpus())
    make_read_only(monkeypatch)
    store.save(edition)


def test_what_a_failed_write_leaves_is_removed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "save", fail(errno.ENOSPC))
    Store(data).open_edition(corpus(1))
    assert list((data / "staging").iterdir()) == []


def test_an_index_that_fails_to_save_as_faiss_does_stays_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, whole: Edition[Any]
) -> None:
    class Full(Indexes):
        def save(self, index: Any, folder: Path) -> None:
            raise RuntimeError("write error: No space left on device")

    assert Store(tmp_path, index=Full()).open_edition(corpus()) == whole
    [warning] = warnings_in(caplog)
    assert "No space left" in warning


def test_without_a_folder_nothing_is_said(caplog: pytest.LogCaptureFixture, whole: Edition[Any]) -> None:
    store = Store(None)
    edition = store.open_edition(corpus())
    store.save(edition)
    assert store.load(edition.id) is edition
    assert edition == whole
    assert warnings_in(caplog) == []


# --- Threads and processes --------------------------------------------------------------------------------


def test_threads_that_open_at_once_embed_each_text_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    gate = threading.Barrier(8)

    def work(number: int) -> Edition[Any]:
        gate.wait()
        edition = store.open_edition(corpus(number % 3))
        store.save(edition)
        return edition

    with ThreadPoolExecutor(8) as pool:
        editions = list(pool.map(work, range(8)))
    assert sorted(store.segments.made) == ["a.md", "b.md", "c.md", "c.md", "c.md"]
    for number, edition in enumerate(editions):
        assert edition == Store(None).open_edition(corpus(number % 3))
    restarted = Store(tmp_path)
    assert [restarted.load(edition.id) for edition in editions] == editions
    assert restarted.segments.made == []


def test_an_edition_in_use_does_not_wait_for_another_that_is_built(data: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Segments):
        def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
            begun.set()
            assert go_on.wait(10)
            return super().make(document, progress)

    store = Store(data, Slow())
    held = store.open_edition(corpus())
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(store.open_edition, corpus(1))
        try:
            assert begun.wait(10)
            assert store.open_edition(corpus()) is store.load(held.id) is held
            assert store.documents(held.id) is held.documents
            store.save(held)
            assert not building.done()
        finally:
            go_on.set()


LOCKER = """
import os, sys
from pathlib import Path
from linernotes.library.locks import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_which_one_holds_the_folder_until_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", LOCKER, str(tmp_path / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataFolderBusyError) as caught, lock(tmp_path / "data"):
            pass
        holder.kill()
    assert str(tmp_path / "data") in str(caught.value)
    assert f"process {holder.pid}:" in str(caught.value)
    with lock(tmp_path / "data"):
        pass


def test_a_lock_is_let_go_when_its_holder_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path):
        raise ZeroDivisionError
    with lock(tmp_path), pytest.raises(DataFolderBusyError), lock(tmp_path):
        pass


def test_all_is_on_the_disk_before_it_is_renamed_into_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[int] = set()
    renamed: list[Path] = []

    def rename(source: Path, target: Path, move: Callable[..., None] = os.rename) -> None:
        parts = [source, *source.rglob("*")]
        assert {path.stat().st_ino for path in parts} <= flushed, "renamed before it was flushed"
        move(source, target)
        renamed.append(target)

    monkeypatch.setattr(os, "fsync", lambda handle: flushed.add(os.fstat(handle).st_ino))
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "replace", rename)
    store = Store(tmp_path)
    store.save(store.open_edition(corpus()))
    assert len(renamed) == 3 + 1
    assert {path.parent.stat().st_ino for path in renamed} <= flushed


# --- Killed at any moment ---------------------------------------------------------------------------------


def work_until_killed(folder: Path, progress: int) -> None:
    """Save, serve and prune one version after another; say by a byte that one is served."""
    with lock(folder):
        store = Store(folder)
        for version in itertools.count(1):
            edition = store.open_edition(corpus(version))
            store.save(edition)
            serve_from(folder, edition)
            os.write(progress, b".")
            store.prune([edition.id])


def work_until_step(folder: Path, last: int) -> None:
    """Move from the saved edition to the next, and be killed before the ``last``-th step on the disk."""
    steps = itertools.count(1)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def count(event: str, args: Any) -> None:
        changes = event in {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
        if (changes or (event == "open" and args[2] & writing)) and next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    with lock(folder):
        store = Store(folder)
        edition = store.open_edition(corpus(1))
        store.save(edition)
        serve_from(folder, edition)
        store.prune([edition.id])


def serve() -> None:
    """Fork a worker for each line that is read: much faster than a new interpreter for each kill."""

    def say(*numbers: int) -> None:
        sys.stdout.write(" ".join(map(str, numbers)) + "\n")
        sys.stdout.flush()

    os.fsync = lambda _handle: None
    for line in sys.stdin:
        folder, last = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if last:
                    work_until_step(Path(folder), last)
                else:
                    work_until_killed(Path(folder), writer)
            except BaseException:  # noqa: BLE001  a fork must never go on as its parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(writer)
        say(child)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as said:
            say(os.waitstatus_to_exitcode(status), len(said.read()))


class Workers:
    """Workers in processes of their own, started by ``serve``."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self.server = server

    def _line(self) -> list[int]:
        assert self.server.stdout is not None
        return [int(word) for word in self.server.stdout.readline().split()]

    def start(self, folder: Path, last: int = 0) -> int:
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps([str(folder), last]) + "\n")
        self.server.stdin.flush()
        return self._line()[0]

    def wait(self) -> tuple[int, int]:
        """Return the exit code, and how many versions were served."""
        code, done = self._line()
        return code, done


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with subprocess.Popen(
        [sys.executable, "-c", "import test_editions; test_editions.serve()"],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield Workers(server)


def assert_whole(folder: Path, caplog: pytest.LogCaptureFixture, versions: set[int]) -> int:
    """Start as the bot would after a kill; return the version that is served, which must be one of these."""
    caplog.clear()
    with lock(folder):
        store = Store(folder)
        edition = store.load(served(folder))
        assert (store.segments.made, store.indexes.built, warnings_in(caplog)) == ([], 0, [])
        assert list((folder / "staging").iterdir()) == []
    version = int(edition.passages[-1].text.removeprefix("This is version ").removesuffix("."))
    assert version in versions
    assert edition == Store(None).open_edition(corpus(version))
    return version


@pytest.mark.parametrize(
    "apart", [pytest.param(7, id="one in seven"), pytest.param(1, id="each", marks=pytest.mark.slow)]
)
def test_killed_before_any_step_on_the_disk_the_old_or_the_new_edition_is_whole(
    saved: Path, tmp_path: Path, workers: Workers, caplog: pytest.LogCaptureFixture, apart: int
) -> None:
    versions = []
    for step in itertools.count(1, apart):
        folder = Path(shutil.copytree(saved, tmp_path / "data"))
        workers.start(folder, step)
        code, _ = workers.wait()
        versions.append(assert_whole(folder, caplog, {0, 1}))
        # What was being removed is whole or gone, too.
        for version in (0, 1):
            Store(folder).open_edition(corpus(version))
        assert warnings_in(caplog) == []
        shutil.rmtree(folder)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert step > 30
    assert versions == sorted(versions), "once the new edition is served, the old one never comes back"
    assert set(versions) == {0, 1}


def kill_at_random(folder: Path, workers: Workers, caplog: pytest.LogCaptureFixture, kills: int) -> None:
    moments = random.Random(2021)  # noqa: S311
    store = Store(folder)
    started = time.monotonic()
    serve_from(folder, store.open_edition(corpus(0)))
    pace = time.monotonic() - started
    version = cut_short = moved = 0
    for _ in range(kills):
        worker = workers.start(folder)
        time.sleep(moments.uniform(0, 6 * pace))
        os.kill(worker, signal.SIGKILL)
        code, done = workers.wait()
        assert code == -signal.SIGKILL
        old = done or version
        version = assert_whole(folder, caplog, {old, done + 1})
        cut_short += version == old
        moved += done > 0
    assert cut_short
    assert moved


@pytest.mark.slow
def test_killed_at_random_moments_the_old_or_the_new_edition_is_whole(
    tmp_path: Path, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    kill_at_random(tmp_path / "data", workers, caplog, 25)


@pytest.mark.slow
def test_killed_200_times_the_old_or_the_new_edition_is_whole(
    tmp_path: Path, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    kill_at_random(tmp_path / "data", workers, caplog, 200)


def test_a_start_removes_what_a_killed_process_left(data: Path, whole: Edition[Any]) -> None:
    (data / "staging" / "0123" / "index").mkdir(parents=True)
    (data / "staging" / "0123" / "index" / "half").write_bytes(b"x")
    (data / "staging" / "4567").write_bytes(b"x")
    assert Store(data).open_edition(corpus()) == whole
    assert list((data / "staging").iterdir()) == []


def test_an_edition_that_could_not_be_read_again_is_refused_and_in_nobodys_way(
    data: Path, whole: Edition[Any]
) -> None:
    store = Store(data)
    with pytest.raises(EditionError, match="could not be read again"):
        store.open_edition([article("d.md", "Text.", title="half \ud83d")])
    edition = store.open_edition(corpus(1))
    store.save(edition)
    restarted = Store(data)
    assert restarted.load(edition.id) == edition
    assert len(files_below(data / "editions")) == 2 * len(files_below(data / "editions" / whole.id))
    assert files_below(data / "staging") == []
