"""``ask`` and ``quotes``: what the corpus says, as sentences or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from linernotes.shell.environment import settings_for
from linernotes.shell.options import CorpusOption, JsonOption  # noqa: TC001  typer reads the annotations
from linernotes.shell.output import print_json

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.models import Answer, Hit, Lead, Quote, Sentence, Span, Turn, Unanswered
    from linernotes.settings import Settings
    from linernotes.shell.background import Background
    from linernotes.shell.batch import Asked

# --- ask --------------------------------------------------------------------------------------------------


def ask(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    *,
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="FILE",
            help='JSON Lines with "question" and perhaps "id" and "history"; - is standard input.'
            " One JSON line back for each.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show which passages and signals led to it.")
    ] = False,
) -> None:
    """Answer one question, or a batch of them."""
    from linernotes.measuring.json_lines import load
    from linernotes.shell.background import library_for, timed_ask
    from linernotes.shell.batch import Asked, read_batch

    if (question is None) == (batch is None):
        raise typer.BadParameter("Give a QUESTION or a --batch FILE, one of them.")
    settings = settings_for(corpus)
    asked = (Asked(question or ""),) if batch is None else read_batch(load(batch), batch)
    with library_for(settings, corpus) as background:
        for each in asked:
            turn, milliseconds = timed_ask(background, each.question, each.history)
            if as_json or batch is not None:
                print_json(_reply_row(each, turn, milliseconds, explain=explain))
            else:
                _print_turn(background, turn, explain=explain)


def _reply_row(asked: Asked, turn: Turn, milliseconds: float, *, explain: bool) -> dict[str, Any]:
    from linernotes.models import Answer

    reply: Answer | Unanswered = turn.reply
    row: dict[str, Any] = dict(asked.key)
    row["question"] = asked.question
    if isinstance(reply, Answer):
        row |= {
            "answered": True,
            "text": reply.text,
            "confidence": round(reply.confidence, 4),
            "sentences": [_span_row(each) for each in reply.sentences],
            "passages": [_passage_row(hit) for hit in reply.hits],
            "reason": None,
            "nearest": None,
        }
    else:
        row |= {
            "answered": False,
            "text": "",
            "confidence": round(reply.confidence, 4),
            "sentences": [],
            "passages": [],
            "reason": reply.reason,
            "nearest": None if reply.nearest is None else _passage_row(reply.nearest),
        }
    row |= {"edition": reply.edition, "milliseconds": round(milliseconds, 2)}
    if isinstance(reply, Answer):
        bold = [_span_row(each) for each in reply.bold]
        row |= {"lead": _span_row(reply.lead), "certainty": reply.certainty, "bold": bold}
    else:
        row |= {"lead": None, "certainty": None, "bold": []}
    if explain:
        hits = reply.hits if isinstance(reply, Answer) else [reply.nearest] if reply.nearest else []
        row["explanation"] = {
            "standalone": turn.standalone,
            "signals": [{name: round(value, 4) for name, value in hit.signals.items()} for hit in hits],
        }
    return row


def _span_row(span: Lead | Sentence | Span) -> dict[str, Any]:
    return {"document": span.document, "start": span.start, "end": span.end, "text": span.text}


def _passage_row(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "document": passage.document,
        "number": passage.number,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "score": round(hit.score, 4),
    }


def _print_turn(background: Background, turn: Turn, *, explain: bool) -> None:
    from linernotes.shell.wording import lines_of, reasons_of, text_of

    edition = background.call(lambda library: library.edition())
    for line in lines_of(edition, turn):
        typer.echo(text_of(line))
    if explain:
        typer.echo()
        for reason in reasons_of(edition, turn):
            typer.echo(reason)


# --- quotes -----------------------------------------------------------------------------------------------


def quotes(
    *,
    corpus: CorpusOption = None,
    speaker: Annotated[
        str | None,
        typer.Option("--speaker", metavar="NAME", help="Only by this speaker; part of a name will do."),
    ] = None,
    about: Annotated[
        str | None, typer.Option("--about", metavar="TEXT", help="The best match for this text first.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the quotations of the corpus."""
    settings = settings_for(corpus)
    found = (
        _quotes_in_order(settings, speaker)
        if about is None
        else _quotes_about(settings, corpus, speaker, about)
    )
    if as_json:
        print_json([_quote_row(quote) for quote in found])
        return
    from linernotes.shell.wording import attribution, printable

    for quote in found:
        typer.echo(f"“{printable(quote.text)}”")
        typer.echo(f"  — {printable(attribution(quote)) or 'speaker not named'} ({quote.document})")
    if not found:
        typer.echo("There is no such quotation." if speaker else "The corpus holds no quotation.")


def _quotes_in_order(settings: Settings, speaker: str | None) -> tuple[Quote, ...]:
    # The text alone says what is quoted: no need to wait for the model.
    from linernotes.corpus.quotes import find_quotes
    from linernotes.library.service import spoken_by
    from linernotes.library.shared import require_shared

    documents = require_shared(settings).documents
    found = tuple(quote for document in documents for quote in find_quotes(document))
    return found if speaker is None else spoken_by(found, speaker)


def _quotes_about(
    settings: Settings, corpus: Path | None, speaker: str | None, about: str
) -> tuple[Quote, ...]:
    from linernotes.shell.background import library_for

    with library_for(settings, corpus) as background:
        return background.call(lambda library: library.quotes(speaker=speaker, about=about))


def _quote_row(quote: Quote) -> dict[str, Any]:
    return {
        "text": quote.text,
        "speaker": quote.speaker,
        "source": quote.source,
        "document": quote.document,
        "spans": [list(span) for span in quote.spans],
    }
