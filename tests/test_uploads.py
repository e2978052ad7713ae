"""Files of servers' own: which names they may have, and that their bytes come back whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linernotes.errors import RefusalError
from linernotes.library.uploads import LONGEST_NAME, Uploads, check_name

DATA = b"Ada Stone built the harbour."
DIGEST = hashlib.sha256(DATA).hexdigest()

# --- Names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "harbour.md",
        "The Harbour (live, 1871).txt",
        "UPPER.MD",
        "no.1.md",
        "ハーバー.md",
        "Beyoncé's song.txt",
        "🎵.md",
        "console.md",
        "com10.md",
        "x" * (LONGEST_NAME - 3) + ".md",
    ],
)
def test_a_name_that_files_have_is_taken_as_it_is(name: str) -> None:
    assert check_name(name) == name


def test_a_name_is_kept_in_composed_form() -> None:
    assert check_name("Beyonce\u0301.md") == "Beyonc\u00e9.md"


def test_the_length_is_that_of_the_composed_name() -> None:
    name = "e\u0301" * (LONGEST_NAME - 3) + ".md"
    assert len(check_name(name)) == LONGEST_NAME


@pytest.mark.parametrize("name", ["../x.md", "../../etc/passwd", "/x.md", "a/b.md", "..\\x.md", "C:x.md"])
def test_a_name_cannot_lead_into_another_folder(name: str) -> None:
    with pytest.raises(RefusalError, match="which a name may not have"):
        check_name(name)


@pytest.mark.parametrize("sign", list(':*?"<>|'))
def test_a_sign_that_some_systems_refuse_is_refused(sign: str) -> None:
    with pytest.raises(RefusalError, match="which a name may not have"):
        check_name(f"a{sign}b.md")


@pytest.mark.parametrize(
    "char",
    [
        "\0",
        "\n",
        "\r",
        "\t",
        "\x1b",
        "\x7f",
        "\x85",
        "\u200b",  # zero-width space
        "\u200d",  # zero-width joiner
        "\u2060",  # word joiner
        "\ufeff",  # byte order mark
        "\u00ad",  # soft hyphen
        "\u202e",  # right-to-left override
        "\u2066",  # left-to-right isolate
        "\u061c",  # Arabic letter mark
        "\u2028",  # line separator
        "\u2029",  # paragraph separator
        "\ud800",  # half a character
        "\ue000",  # private use
        "\U000e0041",  # a tag
        "\uffff",  # no character
    ],
    ids=lambda char: f"U+{ord(char):04X}",
)
def test_what_cannot_be_seen_is_refused_and_not_repeated(char: str) -> None:
    for name in (f"a{char}b.md", f"{char}a.md", f"a.md{char}"):
        with pytest.raises(RefusalError, match="cannot be seen") as caught:
            check_name(name)
        assert char not in str(caught.value)


@pytest.mark.parametrize("length", [LONGEST_NAME + 1, 300, 100_000])
def test_a_long_name_is_refused_in_a_short_sentence(length: int) -> None:
    with pytest.raises(RefusalError, match=f"has {length} characters") as caught:
        check_name("x" * (length - 3) + ".md")
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "name", ["", " ", ".md", ".hidden.md", "..", " a.md", "a.md ", " .md", "..md", ". .md"]
)
def test_an_empty_or_hidden_name_is_refused(name: str) -> None:
    with pytest.raises(RefusalError, match="may not be empty, nor begin"):
        check_name(name)


@pytest.mark.parametrize("name", ["song", "song.pdf", "song.md.exe", "md", "song.", "song.md.", "song.mdx"])
def test_another_ending_is_refused_with_those_that_are_read(name: str) -> None:
    with pytest.raises(RefusalError, match=r"\.md, .*\.txt, .*or \.htm"):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["con.md", "NUL.txt", "Aux.md", "com1.md", "LPT9.txt", "prn.old.md", "con .md", "nul..md"]
)
def test_a_name_kept_for_devices_is_refused(name: str) -> None:
    with pytest.raises(RefusalError, match="for devices"):
        check_name(name)


@given(st.text(max_size=120) | st.text(alphabet=string.printable + "\u202e", max_size=12).map("{}.md".format))
def test_any_name_is_refused_or_fit_for_any_disk(name: str) -> None:
    try:
        kept = check_name(name)
    except RefusalError:
        return
    assert kept == unicodedata.normalize("NFC", name) == check_name(kept)
    assert Path(kept).name == kept
    assert kept.isprintable()
    assert len(kept) <= LONGEST_NAME


# --- Files ------------------------------------------------------------------------------------------------


def test_a_file_is_kept_by_its_digest_and_never_by_a_name(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    assert uploads.save(DATA) == DIGEST
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "uploads",
        f"uploads/{DIGEST}",
    ]
    assert Uploads(tmp_path).read(DIGEST) == DATA


def test_the_same_file_is_kept_once(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    assert uploads.save(DATA) == uploads.save(DATA)
    assert len(list((tmp_path / "uploads").iterdir())) == 1


def test_without_a_folder_files_are_kept_in_memory() -> None:
    uploads = Uploads(None)
    assert uploads.read(uploads.save(DATA)) == DATA
    uploads.prune([], [DIGEST], never)
    assert uploads.read(DIGEST) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(DATA[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(DATA.replace(b"A", b"B")),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["shorter", "empty", "changed", "gone", "folder"],
)
def test_a_damaged_file_reads_as_none_until_it_is_saved_again(tmp_path: Path, damage: object) -> None:
    uploads = Uploads(tmp_path)
    uploads.save(DATA)
    damage(tmp_path / "uploads" / DIGEST)  # type: ignore[operator]
    assert uploads.read(DIGEST) is None
    uploads.save(DATA)
    assert uploads.read(DIGEST) == DATA


@pytest.mark.parametrize("digest", ["", "../secret", DIGEST.upper(), DIGEST[:-1], f"{DIGEST}\n"])
def test_what_is_no_digest_reads_nothing(tmp_path: Path, digest: str) -> None:
    uploads = Uploads(tmp_path)
    uploads.save(DATA)
    (tmp_path / "secret").write_bytes(DATA)
    assert uploads.read(digest) is None


@pytest.mark.parametrize("name", ["fsync", "replace", "mkdir"])
def test_on_a_full_disk_a_sentence_says_so_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    uploads = Uploads(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, name, full)
        with pytest.raises(RefusalError, match=r"No space left on device\. Nothing has changed\."):
            uploads.save(DATA)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert uploads.read(DIGEST) is None
    uploads.save(DATA)
    assert uploads.read(DIGEST) == DATA


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino))
    uploads = Uploads(tmp_path)
    uploads.save(DATA)
    folder = tmp_path / "uploads"
    assert flushed == [path.stat().st_ino for path in (tmp_path, folder / DIGEST, folder)]


def never(path: Path) -> None:
    raise AssertionError(path)


def test_pruning_removes_what_may_go_and_half_files_and_nothing_else(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    kept, gone, unknown = uploads.save(b"kept"), uploads.save(b"gone"), uploads.save(b"unknown")
    folder = tmp_path / "uploads"
    (folder / ".0123456789abcdef").write_bytes(b"half of a file, left by a killed process")
    (folder / "notes.txt").write_bytes(b"somebody else's")
    aside: list[Path] = []
    assert uploads.prune({kept}, {kept, gone}, aside.append) == {gone}
    assert {path.name for path in folder.iterdir()} == {kept, unknown, "notes.txt"}
    assert aside == [folder / unknown]
    assert uploads.read(gone) is None


def test_what_cannot_be_removed_does_not_keep_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(tmp_path)
    folder = tmp_path / "uploads"
    digests = {uploads.save(b"%d" % number) for number in range(20)}
    stuck = {path.name for path in folder.iterdir() if path.name < "8"}
    unlink = os.unlink

    def refuse(path: Path, *given: object, **options: object) -> None:
        if path.name in stuck:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "unlink", refuse)
    assert uploads.prune([], digests, never) == digests - stuck
    assert {path.name for path in folder.iterdir()} == stuck


def test_pruning_where_nothing_was_ever_kept_is_no_error(tmp_path: Path) -> None:
    Uploads(tmp_path).prune([], [], never)
    assert list(tmp_path.iterdir()) == []
