"""What is known while a document is read: a ``Document`` comes in, and what judges its text goes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.corpus.quotes.attribution import Attributions
from linernotes.corpus.quotes.credit_lines import CreditLines
from linernotes.corpus.quotes.findings import Findings
from linernotes.corpus.quotes.names import Cast
from linernotes.corpus.quotes.outlets import Outlets
from linernotes.corpus.quotes.page import Page
from linernotes.corpus.quotes.speakers import Speakers
from linernotes.corpus.quotes.subjects import Subjects

if TYPE_CHECKING:
    from linernotes.models import Document


@dataclass(frozen=True, slots=True)
class Reading:
    """One document with all that answers questions about it, and what has been found in it by now."""

    page: Page
    cast: Cast
    outlets: Outlets
    subjects: Subjects
    attributions: Attributions
    speakers: Speakers
    credit_lines: CreditLines
    findings: Findings

    @classmethod
    def of(cls, document: Document) -> Reading:
        """Make a document ready to be read from its first block to its last."""
        page = Page(document)
        cast = Cast(page.masked, document.artist)
        outlets = Outlets(page.masked, cast)
        subjects = Subjects(page.masked, cast)
        findings = Findings()
        return cls(
            page=page,
            cast=cast,
            outlets=outlets,
            subjects=subjects,
            attributions=Attributions(page, cast, subjects),
            speakers=Speakers(page, cast, outlets, findings),
            credit_lines=CreditLines(page.text, cast, outlets),
            findings=findings,
        )
