"""``check``: what a corpus holds, and what is wrong with it."""

from __future__ import annotations

import typer

from linernotes.shell.environment import settings_for
from linernotes.shell.options import CorpusOption, JsonOption  # noqa: TC001  typer reads the annotations
from linernotes.shell.output import print_json
from linernotes.words import counted


def check(*, corpus: CorpusOption = None, as_json: JsonOption = False) -> None:
    """Read a corpus as a reload would, and say what is wrong with it."""
    from linernotes.corpus.quotes import find_quotes
    from linernotes.errors import CorpusError
    from linernotes.library.shared import read_shared

    settings = settings_for(corpus)
    reading = read_shared(settings)
    holdings = [(document, len(find_quotes(document))) for document in reading.documents]
    if as_json:
        documents = [
            {
                "document": document.name,
                "title": document.title,
                "artist": document.artist,
                "source": document.source,
                "date": document.date,
                "language": document.language,
                "characters": len(document.text),
                "quotes": number,
            }
            for document, number in holdings
        ]
        problems = [
            {"severity": each.severity, "document": each.document, "line": each.line, "message": each.message}
            for each in reading.problems
        ]
        print_json({"ok": not reading.errors, "documents": documents, "problems": problems})
    else:
        for document, number in holdings:
            title = document.title or "without a title"
            characters = counted(len(document.text), "character")
            typer.echo(f"{document.name}: {title}; {characters}, {counted(number, 'quotation')}")
        for problem in reading.problems:
            typer.echo(f"{problem.severity}: {problem}")
        if not reading.problems:
            typer.echo("Nothing is wrong.")
    if reading.errors:
        raise typer.Exit(CorpusError.exit_status)
