"""What the bot does, in figures for Prometheus: the bot and what its hooks tell in, a page of text out.

No label holds an id, a name or a word of anybody's, so no figure tells servers or members apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.library.following import Moved
    from linernotes.models import Unanswered

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""What the page is, for its header."""

# A question takes some 10 ms, or 100 where the reader is asked; what takes seconds waits behind others.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one bot, in a registry of their own: a second bot in the process has others."""

    def __init__(self, bot: LinerNotes) -> None:
        """Count what this bot does from now on."""
        self._registry = CollectorRegistry()
        self._questions = Counter(
            "linernotes_questions",
            "Questions that were replied to, by what was replied: stated, near, or why there is no answer.",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "linernotes_reply_seconds",
            "From a question to its reply, before Discord is told.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._moves = Counter(
            "linernotes_reloads",
            "Reloads of the shared articles, by what became of a server; “shared” counts the reload itself.",
            ["became"],
            registry=self._registry,
        )
        # From the start on, a question that is never asked is a zero and not a gap.
        for outcome in ("stated", "near", "silent"):
            self._questions.labels(outcome)
        self._moves.labels("shared")
        ProcessCollector(registry=self._registry)
        self._registry.register(_OfBot(bot))
        bot.hooks.replied.append(self._replied)
        bot.hooks.reloaded.append(self._reloaded)

    def page(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self._registry)

    def _replied(self, reply: Answer | Unanswered, seconds: float) -> None:
        self._questions.labels(reply.certainty if isinstance(reply, Answer) else reply.reason).inc()
        self._seconds.observe(seconds)

    async def _reloaded(self, moved: tuple[Moved, ...]) -> None:
        self._moves.labels("shared").inc()
        for each in moved:
            self._moves.labels(each.move).inc()


class _OfBot:
    """What is looked up when the page is asked for."""

    def __init__(self, bot: LinerNotes) -> None:
        self._bot = bot

    def collect(self) -> Iterator[Metric]:
        bot = self._bot
        down = bot.seconds_down
        ready = bot.is_ready() and down is None
        latency = bot.latency if ready and math.isfinite(bot.latency) else math.nan
        standings = bot.library.curator.standings
        editions = {standings.of(guild).edition_id for guild in (None, *standings.guilds)}
        for name, meaning, value in (
            ("linernotes_ready", "1 while the bot is connected to Discord.", float(ready)),
            ("linernotes_gateway_latency_seconds", "From a heartbeat to its acknowledgement.", latency),
            ("linernotes_disconnected_seconds", "How long the connection has been lost.", down or 0.0),
            ("linernotes_servers", "Servers that the bot is a member of.", float(len(bot.guilds))),
            ("linernotes_editions", "Editions in use; servers share them.", float(len(editions))),
            ("linernotes_libraries", "Servers with articles of their own.", float(len(standings.guilds))),
            ("linernotes_libraries_held", "Those of them that are in memory.", float(standings.held)),
            ("linernotes_questions_answering", "Being answered now.", float(bot.manners.under_way)),
            ("linernotes_questions_unsent", "Taken and not yet replied to.", float(bot.manners.unsent)),
        ):
            yield GaugeMetricFamily(name, meaning, value)
        refused = CounterMetricFamily(
            "linernotes_refused",
            "Questions that were not taken, by whose share was used up.",
            labels=["share"],
        )
        for share, times in bot.manners.refused.items():
            refused.add_metric([share], times)
        yield refused
