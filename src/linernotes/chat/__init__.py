"""Events from Discord in, messages out: the only room that knows Discord.

A feature is a folder for one thing that a person sees: its commands, listeners and buttons (each file of them
has a ``register``), and what it says (``embeds``). Features never import each other.

::

    asking      mentions, /ask, "Ask about this", the buttons under an answer, "Remove this answer"
    quoting     /quote and /quotes, and the buttons under a quotation
    curating    /corpus add, remove, hide, show, reload, rollback, status, history; "Apply" and "Cancel"
    overseeing  /corpus questions, gaps, moderators, audit
    governing   /settings
    about       /help, /sources, /privacy

    frame       what all of them stand on; its own map says which file does what
    app         puts the bot together: the one file that names all features
    running     runs it as a service
"""

from __future__ import annotations

from linernotes.chat.app import create_bot
from linernotes.chat.running import run

__all__ = ["create_bot", "run"]
