"""The line on which a person types: what was typed before, what can be completed, and its end from elsewhere.

Keys come in, lines go out. A text of several lines that is pasted is one line of ours.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.shortcuts import CompleteStyle, PromptSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

SIGN: Final = "› "  # noqa: RUF001  the prompt's sign is meant

# So many bytes of the history are read again; what is older stays in the file and is not offered.
_MOST_HISTORY: Final = 200_000


class Prompt:
    """Reads lines, until there is no more to read."""

    def __init__(
        self,
        history: Path | None,
        commands: Mapping[str, Callable[[], Sequence[str]]],
        *,
        keys: Input | None = None,
        screen: Output | None = None,
    ) -> None:
        """Take what can be typed.

        Args:
            history: the file that keeps what was typed; none is kept without.
            commands: the commands, and what gives the words that can follow each.
            keys: where keys come from; by default, the terminal.
            screen: where the line is shown; by default, the terminal.
        """
        self._ended = False
        self._session: PromptSession[str] = PromptSession(
            SIGN,
            history=InMemoryHistory() if history is None else KeptHistory(history),
            completer=Commands(commands),
            # A question is typed in peace.
            complete_while_typing=Condition(lambda: get_app().current_buffer.text.startswith("/")),
            complete_style=CompleteStyle.COLUMN,
            reserve_space_for_menu=6,
            input=keys,
            output=screen or _screen(),
        )

    def read(self) -> str:
        """Return the next line, its white space as single spaces.

        Raises:
            EOFError: the person has ended it (Ctrl-D), or ``end`` was called.
            KeyboardInterrupt: the person has pressed Ctrl-C.
        """
        if self._ended:
            raise EOFError
        return " ".join(self._session.prompt(pre_run=self._leave_if_ended).split())

    def end(self) -> None:
        """End a wait for a line, and all that would follow; safe to call from another thread."""
        self._ended = True
        app = self._session.app
        if (loop := app.loop) is not None:
            # The wait may end by itself meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._leave_if_ended)

    def _leave_if_ended(self) -> None:
        app = self._session.app
        if self._ended and app.is_running and app.future is not None and not app.future.done():
            app.exit(exception=EOFError)


def _screen() -> Output | None:
    """Return a terminal that is not asked where its cursor is: some do not answer, and are complained of."""
    if sys.platform == "win32" or not sys.stdout.isatty():
        return None
    from prompt_toolkit.output.vt100 import Vt100_Output

    screen = Vt100_Output.from_pty(sys.stdout, term=os.environ.get("TERM"))
    screen.enable_cpr = False
    return screen


class KeptHistory(FileHistory):
    """What was typed, in a file that its owner alone may read; where it cannot be written, it is not kept."""

    def __init__(self, path: Path) -> None:
        """Take the file; its folder is made with the first line that is kept."""
        self._path = path
        super().__init__(str(path))

    def load_history_strings(self) -> Iterable[str]:
        """Return what was typed before, the newest first."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, self._path.stat().st_size - _MOST_HISTORY))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return []
        entries: list[list[str]] = [[]]
        for line in lines:
            if line.startswith("+"):
                entries[-1].append(line[1:])
            elif entries[-1]:
                entries.append([])
        return ["\n".join(each) for each in reversed(entries) if each]

    def store_string(self, string: str) -> None:
        """Keep a line."""
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
                file.write(
                    ("\n" + "".join(f"+{line}\n" for line in string.split("\n"))).encode("utf-8", "replace")
                )


class Commands(Completer):
    """Completes a command, and what may follow it."""

    def __init__(self, commands: Mapping[str, Callable[[], Sequence[str]]]) -> None:
        """Take the commands, and what gives the words that can follow each."""
        self._commands = commands

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002  the library's signature
        """Yield what the text before the cursor may become."""
        text = document.text_before_cursor
        if not text.startswith("/"):
            return
        command, space, typed = text.partition(" ")
        if not space:
            for name in self._commands:
                if name.startswith(command.casefold()):
                    yield Completion(name, start_position=-len(text))
            return
        words = self._commands.get(command.casefold(), tuple)()
        for word in words:
            if any(part.startswith(typed.casefold()) for part in (word.casefold(), *word.casefold().split())):
                yield Completion(word, start_position=-len(typed))
