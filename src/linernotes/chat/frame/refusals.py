"""What Discord refuses in the ordinary course of things, by its code: what the member and the log read.

A code that is not in this table is a surprise: it gets a reference and a traceback. The codes stand in
Discord's reference under "JSON Error Codes".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a code means, the sentence for the member, and whether somebody should look at it."""

    means: str
    sentence: str
    ours: bool = False


_GONE: Final = "That is no longer there."
_LATE: Final = "That took too long for Discord; please try again."
_MAY_NOT: Final = "Discord does not let me do that here; a moderator can look at my permissions."
_WORDS: Final = "This server's AutoMod does not let me say that here."

REFUSALS: Final[Mapping[int, Refusal]] = {
    10003: Refusal("the channel has gone", _GONE),
    10004: Refusal("the server has gone", _GONE),
    10008: Refusal("the message has gone", _GONE),
    10015: Refusal("the interaction is over", _LATE),
    10062: Refusal("the interaction is over", _LATE),
    20016: Refusal("slow mode", "This channel is in slow mode; please ask again in a moment."),
    20028: Refusal(
        "too much is written here", "Too much is being written here; please ask again in a moment."
    ),
    30033: Refusal(
        "the thread is full", "This thread has as many members as it can, so I cannot write into it."
    ),
    40005: Refusal("too large", "The answer is too large for Discord.", ours=True),
    40060: Refusal("acknowledged already", "That has been answered already."),
    40062: Refusal("too much at once", "Discord is busy; please try again in a moment."),
    50001: Refusal("no access", _MAY_NOT),
    50007: Refusal("messages to this person are closed", "Discord does not let me write to you directly."),
    50008: Refusal("not in this kind of channel", "Discord does not let me write into this kind of channel."),
    50009: Refusal("the server verifies members", _MAY_NOT),
    50013: Refusal("no permission", _MAY_NOT),
    50024: Refusal("not in this kind of channel", "Discord does not let me do that in this kind of channel."),
    50027: Refusal("the interaction is over", _LATE),
    50083: Refusal(
        "the thread is archived", "This thread is archived; write something into it and ask again."
    ),
    130000: Refusal("Discord is overloaded", "Discord is busy; please try again in a moment."),
    160002: Refusal("no reading of earlier messages", _MAY_NOT),
    200000: Refusal("AutoMod", _WORDS),
    200001: Refusal("AutoMod", _WORDS),
    240000: Refusal(
        "a link that Discord blocks", "Discord does not let me post a link that is in the answer."
    ),
}
