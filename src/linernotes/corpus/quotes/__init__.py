"""Document -> Quote: who is quoted, in which words, and by which outlet.

Quotation marks are paired within each block; what they hold counts as a quotation where somebody is said to
have said it, or where it stands alone as whole sentences. Block quotes, paragraphs after a lead-in and the
replies of an interview are quotations without marks. All rules are about form: verbs, colons, dashes.

What a reader may ask about: a new sentence in marks after "said X." is a quotation of its own, one that goes
on after the attribution is the same quotation. A job title is no part of a name ("Mayor", "Sen."), "Dr." is.
An outlet that speaks for itself ("according to Pitchfork") is the source; its speaker is unknown. Of an
interview the replies are quotations, the questions are not. The text is all that stands between the marks.

Each module imports those in the lines above its own, and none below or beside it::

    vocabulary, marks                         words with a meaning; pairs of marks
    patterns                                  how names and lines are written
    page, content                             a document made ready; what stands between marks
    names                                     who is named where
    outlets, subjects, findings               outlets; what a verb has for a subject; what has been found
    attribution, credit_lines                 who is told to say it, beside the quotation or below it
    speakers                                  whom that means
    reading                                   all of this for one document
    interviews, paragraphs                    the quotations of each form of block
    block_quotations                          those without marks, which end where an interview begins
    finding                                   the way through the blocks: ``find_quotes``
"""

from linernotes.corpus.quotes.finding import find_quotes
from linernotes.corpus.quotes.interviews import find_questions

__all__ = ["find_questions", "find_quotes"]
