"""A server's library: questions and changes come in; answers, previews of changes and editions go out.

Where to look; each file imports those below it alone::

    examples     questions that an edition can answer, tried out
    service      open, ask, quote: what the chat, the terminal and the command line use
    hearing      what other processes change counts in this one, too
    curator      a moderator's change: preview it, apply it, take it back; refuses where a check would break
    opening      which edition each server works with at the start, whatever has become of the disk
    mending      the documents of an edition that was damaged, found again in what is left
    following    the operator's reload: who follows the shared corpus, and who stays
    tidying      what goes when
    overview     what moderators look at: status, history, gaps in groups
    builder      builds and saves editions, and asks the check questions of two
    previews     what a change would come to: what differs, what becomes of the checks; a new check before
                 *Apply* begins here
    changes      the kinds of change, and which documents each leads to
    notes        the moderators' notes, and the file that holds them
    shared       the shared corpus: read from its folder, and noted
    standings    which edition each server works with now
    moving       a backup of a data folder in, a server's database out
    restoring    a backup in, a data folder out: the old state or the new one
    backup       a snapshot, or a data folder, in one file that is verified
    snapshots    what is kept, held still for a backup
    locks        who works at the same time: processes, people, reloads
    editions     the store of editions: embeds each text once
    uploads      the files that moderators have added
    segments     the files of one text
    processes    the processes on one database: whose turn it is, and who has been superseded
    catalogue    in the database: each server's revisions, check questions, gaps and audit trail
    store        in the database: servers' settings, what buttons need, votes
    news         what one process tells the others
    quarantine   what no row of the database explains
    blobs        files in the database, where a server keeps it
    postgresql   a PostgreSQL server: one database for several processes
    holding      what a process holds of a server's database: its shards, or a library
    embedded     the embedded database: one SQLite file for one process
    database     the database file: opened and looked at; in which mode it is kept
    rows         what a row may hold, and its seal: the one place where rows are checked
    tables       the tables of the database, as SQLAlchemy knows them; ``migrations/`` leads to them
    folders      the files of a folder: whole or not there
    workers      the threads
    turns        builds go on in turn, a moment each, and can be stopped

An *edition* is a list of documents ready to be asked; a *revision* is one state of a server's library, and
names its edition; a *standing* is what a server works with now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linernotes.library.service import Library

__all__ = ["Library"]


def __getattr__(name: str) -> Any:
    # Who reads the shared folder alone (`bot.py check`) need not wait for the database's libraries.
    if name in __all__:
        from linernotes.library import service

        return getattr(service, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
