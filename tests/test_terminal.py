"""The chat without Discord: at a terminal and from a pipe."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from amounts import slow
from fakes import LANTERNS, OTHER_QUESTION, QUESTION, FakeEmbedder, answer_of, write_corpus
from late import Late
from linernotes.errors import CorpusError
from linernotes.library import Library
from linernotes.library.locks import lock
from linernotes.models import (
    Alternative,
    Answer,
    Document,
    Edition,
    Lead,
    Passage,
    Quote,
    Sentence,
    Span,
    Turn,
    Unanswered,
)
from linernotes.settings import Settings
from linernotes.shell.background import Background, Building, open_beside
from linernotes.shell.songs import REMEMBERED
from linernotes.shell.terminal import Chat, answer_lines
from linernotes.shell.wording import (
    SENTENCES,
    attribution,
    line_of,
    lines_of,
    printable,
    sentence_for,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

completion = Late("prompt_toolkit.completion")
typing = Late("prompt_toolkit.document")
prompting = Late("linernotes.shell.prompt")
pipes = Late("prompt_toolkit.input")
screens = Late("prompt_toolkit.output")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(corpus_dir=write_corpus(tmp_path / "corpus"), data_dir=tmp_path / "data")


def opening(settings: Settings, fake: FakeEmbedder | None = None) -> partial[Any]:
    return partial(Library.open, settings, embedder=fake or FakeEmbedder(), keep="nothing")


def chat(settings: Settings, _monkeypatch: pytest.MonkeyPatch, *typed: str | type[BaseException]) -> str:
    """Return what a person sees who types these lines; an exception is raised instead of a line."""
    waiting = iter(typed)

    class Typed:
        def read(self) -> str:
            line = next(waiting, EOFError)
            if isinstance(line, str):
                return line
            raise line

        def end(self) -> None:
            pass

    out = io.StringIO()
    console = Console(file=out, width=200, highlight=False)
    Chat(console, prompt=Typed()).run(lambda building: opening(settings)(progress=building))
    assert next(waiting, None) is None, "everything typed was read"
    return out.getvalue()


# --- A person ---------------------------------------------------------------------------------------------


def test_a_conversation(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(settings, monkeypatch, QUESTION, "", "   ", "/sources", "/quit")
    assert "The harbour was built by Ada Stone in 1871." in shown
    assert "  The Harbour, passage 1\n" in shown
    assert "The Harbour\n  The Tides, 1 passage (harbour.md)\n" in shown


def test_what_was_said_before_is_remembered(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    ask = Library.ask

    async def spy(self: Library, question: str, **named: Any) -> Turn:
        seen.append(len(named["turns"]))
        return await ask(self, question, **named)

    monkeypatch.setattr(Library, "ask", spy)
    chat(settings, monkeypatch, *[QUESTION] * (REMEMBERED + 2))
    assert seen == [*range(REMEMBERED), REMEMBERED, REMEMBERED]


def test_quotations(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(settings, monkeypatch, "/quotes", "/quotes the sea")
    assert shown.count("“Nobody believed that the wall would hold the sea.”\n  — Ada Stone") == 2
    write_corpus(settings.corpus_dir / "more", lanterns=LANTERNS)
    (settings.corpus_dir / "harbour.md").unlink()
    assert "I found no quotation." in chat(settings, monkeypatch, "/quotes")


def test_help_and_what_is_no_command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(settings, monkeypatch, "/help", "/sing \x1b[31m", "/exit")
    for command in ("/quotes", "/sources", "/help", "/quit"):
        assert command in shown
    assert "I know no /sing" in shown


def test_markup_and_commands_to_the_terminal_are_text(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(
        settings.corpus_dir, harbour="# [bold]Title[/nope]\n\nThe harbour was [red]built[/] by Ada :smile:.\n"
    )
    shown = chat(settings, monkeypatch, "Who built the harbour, [link=x]?", "/sources")
    assert "The harbour was [red]built[/] by Ada :smile:." in shown
    assert "[bold]Title[/nope]" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("leaving", [EOFError, KeyboardInterrupt])
def test_leaving(settings: Settings, monkeypatch: pytest.MonkeyPatch, leaving: type[BaseException]) -> None:
    shown = chat(settings, monkeypatch, QUESTION, leaving)
    assert shown.endswith("passage 1\n\n")


def test_a_library_that_cannot_be_opened_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"corpus_dir": settings.corpus_dir / "nowhere"})
    with pytest.raises(CorpusError, match="does not exist"):
        chat(settings, monkeypatch, QUESTION)


# --- A pipe -----------------------------------------------------------------------------------------------


def test_a_line_for_each_question(settings: Settings) -> None:
    out = io.StringIO()
    questions = io.BytesIO(f"???\n\n{QUESTION}".encode())
    with Background(opening(settings)) as background:
        answer_lines(background, questions, out)
    first, second = out.getvalue().splitlines()
    assert first == "There is no question in that."
    assert "Ada Stone in 1871" in second
    assert second.endswith("The Harbour, passage 1]")


def test_an_answer_is_out_before_the_next_question_is_read(settings: Settings) -> None:
    out = io.StringIO()

    def questions() -> Iterator[bytes]:
        yield QUESTION.encode()
        assert "Ada Stone" in out.getvalue()

    with Background(opening(settings)) as background:
        answer_lines(background, questions(), out)  # type: ignore[arg-type]  # iterated over, no more


# --- The thread behind it ---------------------------------------------------------------------------------


def test_the_prompt_does_not_wait_for_the_library(settings: Settings) -> None:
    fake = FakeEmbedder()
    fake.gate.clear()
    started = time.perf_counter()
    with Background(opening(settings, fake)) as background:
        assert time.perf_counter() - started < 1
        assert not background.ready.done()
        fake.gate.set()
        assert len(background.call(lambda library: library.edition()).documents) == 1
    assert not background._thread.is_alive()


def test_leaving_early_waits_for_nothing(settings: Settings) -> None:
    fake = FakeEmbedder()
    fake.gate.clear()
    with Background(opening(settings, fake)) as background:
        fake.entered.wait(20)
        started = time.perf_counter()
    assert time.perf_counter() - started < 1
    fake.gate.set()
    background._thread.join(20)
    assert not background._thread.is_alive()


def test_an_error_of_the_library_reaches_the_caller() -> None:
    failed = threading.Event()

    @asynccontextmanager
    async def broken() -> AsyncIterator[Library]:
        await asyncio.sleep(0)
        raise CorpusError("Nothing there.")
        yield

    with (
        pytest.raises(CorpusError, match="Nothing there"),
        Background(broken, failed.set) as background,
    ):
        background.call(lambda library: library.edition())
    assert failed.is_set()


def test_progress_is_shown_on_a_terminal_and_leaves_nothing(settings: Settings) -> None:
    out = io.StringIO()
    building = Building(Console(file=out, force_terminal=True, width=80))
    future: Future[None] = Future()
    building("embed", 3, 12)
    import rich.progress  # noqa: F401  where it is slow to come, nothing would be left to show

    threading.Timer(0.3, lambda: future.set_result(None)).start()
    building.wait_for(future)
    assert "Embedding the article" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")
    silent = io.StringIO()
    Building(Console(file=silent)).wait_for(future)
    Building(Console(file=silent, force_terminal=True)).wait_for(future)
    assert silent.getvalue() == ""


# --- Words ------------------------------------------------------------------------------------------------


async def test_what_a_person_reads_of_a_reply(settings: Settings) -> None:
    async with Library.open(settings, embedder=FakeEmbedder(), keep="nothing") as library:
        edition = await library.edition()
        turn = await library.ask("Who said that nobody believed the wall would hold the sea?")
        assert isinstance(turn.reply, Answer)
        shown = [text_of(line) for line in lines_of(edition, turn)]
        assert shown == [
            "In an interview with Sailor Weekly, Ada Stone said:",
            "  “Nobody believed that the wall would hold the sea.”",
            "  — Ada Stone, Sailor Weekly",
            "  The Harbour, passage 1",
        ]
        for reason in SENTENCES:
            assert sentence_for(edition, Unanswered(reason, None, edition.id)) == SENTENCES[reason]
        write_corpus(settings.corpus_dir, lanterns=LANTERNS)
        both = await library.reload()
        assert sentence_for(both, Unanswered("silent", None, both.id)) == "The articles do not say."
        assert "what the articles say" in sentence_for(both, Unanswered("lyrics", None, both.id))


def two_songs() -> tuple[Edition[Any], Answer]:
    """An edition of two songs, each of a sentence, and an answer by the first that the second answers too."""
    texts = {"a.md": "One is here.", "b.md": "Two is there."}
    documents = tuple(
        Document(name, title, None, text, ((0, 1),), (), artist="The Tides")
        for (name, text), title in zip(texts.items(), ("One", "Two"), strict=True)
    )
    passages = tuple(Passage(name, 1, 0, len(text), text) for name, text in texts.items())
    sentences = tuple(Sentence(name, 1, 0, len(text), text) for name, text in texts.items())
    edition = Edition("e", documents, passages, sentences, (), None)
    lead = Lead("sentence", "b.md", 0, 13, texts["b.md"], sentences[1:])
    other = Alternative("b.md", lead, "stated", 0.5)
    return edition, answer_of(texts["a.md"], sentences[:1], other=other)


def test_the_better_song_stands_under_its_name_and_the_other_is_offered() -> None:
    edition, answer = two_songs()
    lines = list(lines_of(edition, Turn("Where?", "Where?", answer), choose=": /song"))
    assert [(line.kind, line.text) for line in lines] == [
        ("title", "One"),
        ("lead", "One is here."),
        ("place", "One, passage 1"),
        ("place", "“Two” answers it too: /song"),
    ]


def test_what_is_only_near_says_so_and_stands_apart() -> None:
    edition, answer = two_songs()
    near = replace(answer, certainty="near", other=None, bold=(Span("a.md", 0, 3, "One"),))
    turn = Turn("Where?", "Where?", near)
    assert [(line.kind, text_of(line), line.bold) for line in lines_of(edition, turn)] == [
        ("lead", "This may not answer it; the nearest I find:", ()),
        ("aside", "  One is here.", ()),
        ("place", "  One, passage 1", ()),
    ]
    assert line_of(edition, turn) == (
        "This may not answer it; the nearest I find: One is here. [One, passage 1]"
    )


@pytest.mark.parametrize("is_near", [True, False])
def test_a_refusal_is_a_line_and_where_it_is_near_the_place(is_near: bool) -> None:
    edition, answer = two_songs()
    reply = Unanswered("silent", answer.hits[0], "e", is_near=is_near)
    lines = [text_of(line) for line in lines_of(edition, Turn("Where?", "Where?", reply))]
    assert lines == ["The articles do not say.", *["  Nearest passage: One, passage 1"] * is_near]


def test_the_song_that_was_named_and_does_not_say_is_named_again() -> None:
    edition, answer = two_songs()
    reply = Unanswered("silent", answer.hits[0], "e", document="b.md")
    assert sentence_for(edition, reply) == "The article “Two” does not say."
    forged = replace(edition, documents=(replace(edition.documents[0], title="On\x1be\n"),))
    assert sentence_for(forged, replace(reply, document="a.md")) == "The article “On e” does not say."


def test_the_words_that_answer_are_bold_and_the_others_stand_apart() -> None:
    edition, answer = two_songs()
    more = replace(answer, bold=(Span("a.md", 4, 6, "is"),), other=None, sentences=edition.sentences[:1] * 2)
    lead, also, _ = lines_of(edition, Turn("Where?", "Where?", more))
    assert [lead.text[start:end] for start, end in lead.bold] == ["is"]
    assert text_of(also) == "  Also: One is here."
    out = io.StringIO()
    shown = Chat(Console(file=out, force_terminal=True, width=80, color_system="standard"))
    shown._show(edition, Turn("Where?", "Where?", more))
    assert "One \x1b[1mis\x1b[0m here." in out.getvalue()


def test_a_long_line_stays_as_far_in_as_it_begins() -> None:
    out = io.StringIO()
    Chat(Console(file=out, width=12))._say("one two three four", indent=2)
    assert out.getvalue() == "  one two\n  three four\n"


# --- One song at a time -----------------------------------------------------------------------------------


@pytest.fixture
def two(settings: Settings) -> Settings:
    write_corpus(settings.corpus_dir, lanterns=LANTERNS)
    return settings


def test_songs_are_listed_and_one_is_chosen(two: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(two, monkeypatch, "/song", "/song lant", "/song", OTHER_QUESTION, "/song tides", "/song all")
    assert "  1  The Harbour by The Tides\n  2  Lanterns\n" in shown
    assert "From now on I ask “Lanterns”." in shown
    assert "  2  Lanterns (now)\n" in shown
    assert "painted green by Otto Blum" in shown
    assert "From now on I ask “The Harbour”." in shown
    assert shown.endswith("I ask all songs again.\n\n")


def test_a_chosen_song_is_the_one_that_is_asked(two: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | None, str | None]] = []
    ask = Library.ask

    async def spy(self: Library, question: str, **named: Any) -> Turn:
        turn = await ask(self, question, **named)
        asked.append((named["song"], turn.song))
        return turn

    monkeypatch.setattr(Library, "ask", spy)
    shown = chat(two, monkeypatch, "/song 2", "Who built it in 1871?", "and when?")
    assert asked == [("lanterns.md", "lanterns.md"), (None, None)]
    assert "Ada Stone" not in shown


def test_what_is_no_song_is_told_so(two: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(two, monkeypatch, "/song 7", "/song \x1b[31m")
    assert shown.count("I know no such song.\n  1  The Harbour by The Tides\n  2  Lanterns") == 2
    assert "\x1b" not in shown


def test_the_other_song_is_shown_and_the_first_offered_again(
    two: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Library.ask

    async def offering(self: Library, question: str, **named: Any) -> Turn:
        turn = await ask(self, question, **named)
        if named.get("document") is not None or not isinstance(turn.reply, Answer):
            return turn
        first = (await self.edition()).sentences[-2]
        lead = Lead("sentence", first.document, first.start, first.end, first.text, (first,))
        other = Alternative(first.document, lead, "stated", 0.5)
        return replace(turn, reply=replace(turn.reply, other=other))

    monkeypatch.setattr(Library, "ask", offering)
    shown = chat(two, monkeypatch, QUESTION, "/song", "/song")
    first, second, third = shown.split("answers it too: /song\n")[:3]
    assert "The Harbour\nThe harbour was built by Ada Stone" in first
    assert "Lanterns\nThe lanterns were painted green by Otto Blum." in second
    assert "The Harbour\nThe harbour was built by Ada Stone" in third


def test_attribution() -> None:
    assert attribution(Quote(((0, 1),), "x", "Ada", "NPR", "a.md")) == "Ada, NPR"
    assert attribution(Quote(((0, 1),), "x", "Ada", None, "a.md")) == "Ada"
    assert attribution(Quote(((0, 1),), "x", None, "NPR", "a.md")) == "NPR"
    assert attribution(Quote(((0, 1),), "x", None, None, "a.md")) == ""


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert printable("one\ntwo\x1b[31m\x07 three\x9b2J") == "one two [31m three 2J"


# --- A real terminal --------------------------------------------------------------------------------------


def at_terminal(folder: Path, typed: bytes) -> tuple[int, str]:
    """Start the bot at a terminal, type when it prompts, and return exit status and what was shown."""
    main, other = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    with subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, str(ROOT / "bot.py")],
        cwd=folder,
        env=env | {"TERM": "xterm"},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  so that Ctrl-C interrupts it
    ) as process:
        os.close(other)
        shown = b""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([main], [], [], 0.1)[0]:
                try:
                    shown += os.read(main, 4096)
                except OSError:  # what a closed terminal gives on Linux
                    break
            elif process.poll() is not None:
                break
            if typed and "›".encode() in shown:  # noqa: RUF001  the prompt's sign is meant
                time.sleep(0.1)
                os.write(main, typed)
                typed = b""
        os.close(main)
        process.wait(30)
    return process.returncode, shown.decode()


@pytest.mark.parametrize(
    "typed", [b"\x03", *slow([b"\x04", b"/help\n/quit\n"])], ids=["Ctrl-C", "Ctrl-D", "/quit"]
)
def test_leaving_a_real_terminal_while_the_model_loads(tmp_path: Path, typed: bytes) -> None:
    write_corpus(tmp_path / "corpus")
    started = time.perf_counter()
    status, shown = at_terminal(tmp_path, typed)
    assert status == 0
    assert "put DISCORD_TOKEN=" in " ".join(shown.split())
    assert "Traceback" not in shown
    assert time.perf_counter() - started < 20


def test_a_bad_corpus_ends_the_wait_at_the_prompt(tmp_path: Path) -> None:
    status, shown = at_terminal(tmp_path, b"")
    assert status == 65
    assert "The corpus folder corpus does not exist." in shown
    assert "Traceback" not in shown


# --- The line that is typed -------------------------------------------------------------------------------


def typed_lines(keys: str, path: Path | None = None, lines: int = 1) -> list[str]:
    """Return the lines that are read of these keys."""
    with pipes.create_pipe_input() as pipe:
        pipe.send_text(keys)
        prompt = prompting.Prompt(path, {}, keys=pipe, screen=screens.DummyOutput())
        return [prompt.read() for _ in range(lines)]


def test_a_paste_of_several_lines_is_one_question() -> None:
    pasted = "\x1b[200~Who built\nthe harbour,\r\nand when?\x1b[201~\r"
    assert typed_lines(pasted) == ["Who built the harbour, and when?"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/SO", ["/song"]),
        ("/song har", ["The Harbour"]),
        ("/Song A", ["all"]),
        ("/quotes sto", ["Ada Stone"]),
        ("/quotes nobody", []),
        ("/", ["/song", "/quotes"]),
        ("Ada", []),
    ],
)
def test_commands_speakers_and_songs_are_completed(typed: str, offered: list[str]) -> None:
    commands = prompting.Commands({"/song": lambda: ["all", "The Harbour"], "/quotes": lambda: ["Ada Stone"]})
    found = commands.get_completions(typing.Document(typed), completion.CompleteEvent())
    assert [each.text for each in found] == offered


def test_what_was_typed_stays_for_the_next_time_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "terminal-history"
    assert typed_lines("first\rsecond\r", path, 2) == ["first", "second"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(prompting.KeptHistory(path).load_history_strings()) == ["second", "first"]
    # One line back from the newest.
    assert typed_lines("\x1b[A\x1b[A\r", path) == ["first"]


def test_a_history_that_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert typed_lines("first\r", tmp_path / "file" / "history") == ["first"]


def test_a_history_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    (tmp_path / "history").symlink_to(tmp_path / "other")
    typed_lines("first\r", tmp_path / "history")
    assert (tmp_path / "other").read_text() == ""


@pytest.mark.parametrize(("key", "error"), [("\x04", EOFError), ("\x03", KeyboardInterrupt)])
def test_leaving_at_the_prompt(key: str, error: type[BaseException]) -> None:
    with pytest.raises(error):
        typed_lines(key)


def test_the_wait_for_a_line_is_ended_from_another_thread() -> None:
    with pipes.create_pipe_input() as pipe:
        prompt = prompting.Prompt(None, {}, keys=pipe, screen=screens.DummyOutput())
        threading.Timer(0.2, prompt.end).start()
        with pytest.raises(EOFError):
            prompt.read()
        with pytest.raises(EOFError):
            prompt.read()


# --- Commands ---------------------------------------------------------------------------------------------


def test_the_passage_of_an_answer_is_opened(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(
        settings, monkeypatch, "/passage", QUESTION, "/PASSAGE", "/passage 1", "/passage 99", "/passage x"
    )
    assert "Ask something first" in shown
    assert shown.count("The Harbour, passage 1\n  The") == 2
    assert shown.count("“The Harbour” has passages 1 to 1") == 2


def test_what_was_shown_of_a_passage_is_bold_in_it(settings: Settings) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200, color_system="standard")
    lines = iter([QUESTION, "/passage"])

    class Typed:
        def read(self) -> str:
            line = next(lines, None)
            if line is None:
                raise EOFError
            return line

        def end(self) -> None:
            pass

    Chat(console, prompt=Typed()).run(lambda building: opening(settings)(progress=building))
    opened = out.getvalue().rpartition("passage 1")[2]
    assert "\x1b[1mThe harbour was built by Ada Stone in 1871.\x1b[0m" in opened


def test_why_shows_what_led_to_the_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(settings, monkeypatch, "/why", QUESTION, "/Why")
    assert "Ask something first" in shown
    assert "Confidence:" in shown
    assert "The Harbour, passage 1: score" in shown


def test_quotations_come_in_pages(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "\n\n".join(f"Ada Stone said, “The wall of number {n} held the sea for us.”" for n in range(13))
    write_corpus(settings.corpus_dir, harbour=f"# Harbour\n\n{said}\n")
    shown = chat(settings, monkeypatch, "/quotes", "/more", "/more", "/quotes ada stone")
    assert "3 more: /more" in shown
    assert shown.count("number 12 held") == 1
    assert "There are no more" in shown
    assert shown.count("number 0 held") == 2


def test_commands_are_known_whatever_their_case(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chat(settings, monkeypatch, "/HELP", "/Quit")
    assert "/passage" in shown
    assert "I know no" not in shown


def test_what_is_said_to_the_bot_is_answered_with_questions_to_ask(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = chat(settings, monkeypatch, "who are you?", "thank you", "goodbye")
    assert "I am Liner Notes, a bot." in shown
    assert "You are welcome!" in shown
    assert "Goodbye" in shown
    assert shown.count("You could ask:\n  W") == 3


def test_beside_a_running_bot_the_chat_reads(settings: Settings) -> None:
    building = Building(Console(file=io.StringIO()))

    async def ask() -> Turn:
        async with open_beside(settings, building, FakeEmbedder()) as library:
            return await library.ask(QUESTION)

    with lock(settings.data_dir):
        turn = asyncio.run(ask())
    assert isinstance(turn.reply, Answer)
    assert "in use by" in building.notice
    assert not (settings.data_dir / "linernotes.db").exists()


def test_no_color_takes_the_colours_and_leaves_the_bold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    shown = Chat(Console(file=out, force_terminal=True, width=80, color_system="standard"))
    shown._say("One", "bold cyan")
    assert out.getvalue() == "\x1b[1mOne\x1b[0m\n"
