"""A simulated Discord around the real bot, with a model that needs no weights."""

from __future__ import annotations

import asyncio
import functools
import random
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import discord
import simcord

from fakes import FakeEmbedder, write_corpus
from linernotes.chat import create_bot
from linernotes.library import Library
from linernotes.models import Alternative, Answer, Lead, Unanswered
from linernotes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.models import Embedding, Reason, Turn

ALL = discord.Permissions.all()


class Interrupted(FakeEmbedder):
    """A model during whose work something happens: ``world.meanwhile`` says what."""

    def __init__(self) -> None:
        super().__init__()
        self.during: Callable[[], None] = lambda: None

    def embed(self, texts: Sequence[str]) -> list[Embedding]:
        during, self.during = self.during, lambda: None
        during()
        return super().embed(texts)


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """A running bot in a simulated Discord, with a server, a channel and two members."""

    env: simcord.Env
    library: Library
    embedder: Interrupted
    settings: Settings
    clock: Clock
    opened: AsyncExitStack
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.guild = self.env.create_guild("Listeners")
        self.channel = self.guild.create_text_channel("general")
        self.alice = self.guild.add_member(self.env.create_user("alice"))
        self.bob = self.guild.add_member(self.env.create_user("bob"))
        role = self.guild.create_role("Mods", permissions=discord.Permissions(manage_guild=True))
        self.mod = self.guild.add_member(self.env.create_user("mod"), roles=[role])

    @property
    def bot(self) -> LinerNotes:
        """The bot that runs now."""
        return self.env.bot  # type: ignore[return-value]

    @property
    def me(self) -> str:
        """The bot's mention."""
        assert self.bot.user is not None
        return self.bot.user.mention

    @property
    def answers(self) -> list[discord.Message]:
        """What the bot has written into the channel."""
        return self.said(self.channel)

    def said(self, channel: Any) -> list[discord.Message]:
        """What the bot has written into a channel."""
        return [each for each in channel.history() if each.author.id == self.bot.user.id]

    def requests(self, method: str, part: str) -> list[simcord.HttpLogEntry]:
        """The requests of the bot to addresses with this part."""
        return [each for each in self.env.http_requests if each.method == method and part in each.path]

    def meanwhile(self, happens: Callable[[], object]) -> None:
        """Let something happen while the next question is answered."""
        loop = asyncio.get_running_loop()

        async def in_the_loop() -> None:
            happens()
            for _ in range(20):
                await asyncio.sleep(0)

        self.embedder.during = lambda: asyncio.run_coroutine_threadsafe(in_the_loop(), loop).result(5)

    def silence(self, reason: Reason = "silent", *, is_near: bool = True) -> None:
        """Let no question be answered, for this reason."""

        def silent(reply: Answer | Unanswered) -> Unanswered:
            nearest = reply.hits[0] if isinstance(reply, Answer) else reply.nearest
            return Unanswered(reason, nearest, reply.edition, is_near=is_near)

        self.change_replies(silent)

    def doubt(self) -> None:
        """Let every answer be only what comes nearest."""
        self.change_replies(lambda reply: replace(reply, certainty="near"))

    def offer(self, name: str) -> None:
        """Let a question that is asked of all documents be answered by another one too."""

        def offered(reply: Answer | Unanswered) -> Answer | Unanswered:
            if not isinstance(reply, Answer) or reply.lead.document == name:
                return reply
            edition = self.library.curator.standings.of(None).edition
            first = next(each for each in edition.sentences if each.document == name)
            lead = Lead("sentence", name, first.start, first.end, first.text, (first,))
            return replace(reply, other=Alternative(name, lead, "stated", 0.5))

        self.change_replies(offered, of_all=True)

    def change_replies(self, change: Callable[[Any], Answer | Unanswered], *, of_all: bool = False) -> None:
        """Let something else be replied than the engine would; ``of_all``: where all documents are asked."""
        ask = self.library._engine.ask

        def changed(*given: Any, **named: Any) -> Turn:
            turn = ask(*given, **named)
            if of_all and len(given[0].documents) == 1:
                return turn
            return replace(turn, reply=change(turn.reply))

        self.library._engine.ask = changed  # type: ignore[method-assign]

    def thread(self, name: str = "a thread", *, parent: Any = None) -> Any:
        """Open a thread in the channel, or in another one."""
        parent = parent or self.channel
        made = self.env.backend.create_thread(parent.id, name, owner_id=self.alice.id)
        self.env.backend.announce_thread_create(made)
        return simcord.ChannelHandle(self.env, self.guild, made)

    async def restart(self) -> None:
        """Stop the bot and its library, and start new ones on the same folder."""
        await self.opened.aclose()
        self.library = await self.opened.enter_async_context(
            Library.open(self.settings, embedder=self.embedder, clock=self.clock)
        )
        await self.env.restart_bot(_bot(self.settings, self.library, self.clock, self.options))


def _bot(settings: Settings, library: Library, clock: Clock, options: dict[str, Any]) -> LinerNotes:
    chance = random.Random(4)  # noqa: S311  it picks quotations
    return create_bot(settings, library, clock=clock, chance=chance, **options)


@asynccontextmanager
async def open_world(
    folder: Path,
    *,
    corpus: dict[str, str] | None = None,
    embedder: Interrupted | None = None,
    simulation: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    embedder = embedder or Interrupted()
    made = Settings(
        corpus_dir=write_corpus(folder / "corpus", **(corpus or {})), data_dir=folder / "data", **settings
    )
    clock = Clock()
    async with AsyncExitStack() as opened:
        library = await opened.enter_async_context(Library.open(made, embedder=embedder, clock=clock))
        env = simcord.Env(_bot(made, library, clock, options or {}), shard_count=1, **(simulation or {}))
        # It looks again after 50 ms whether the bot is done; there are hundreds of such waits in these tests.
        env._settle_internal = functools.partial(env._settle_internal, idle=0.002)  # type: ignore[method-assign]
        # Not ``simcord.run``: pytest ends a fixture in another context than it began it in.
        await env.start()
        world = World(env, library, embedder, made, clock, opened, options or {})
        try:
            yield world
        finally:
            await env.shutdown()
        if env.check_errors:
            env.raise_errors()


def text_of(message: Any) -> str:
    """What a person reads in a message, in its embeds too, without bold."""
    parts = [message.content]
    for embed in message.embeds:
        parts += [embed.author.name, embed.title, embed.description]
        parts += [part for each in embed.fields for part in (each.name, each.value)]
        parts.append(embed.footer.text)
    return "\n".join(part for part in parts if part).replace("**", "")
