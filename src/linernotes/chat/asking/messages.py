"""Questions in messages: mentions, replies and direct messages, each answered once by a message."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter, OrderedDict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import discord

from linernotes.chat.asking.answers import Reply, add_buttons, answer, remember, remove_answer
from linernotes.chat.asking.catching_up import CatchingUp
from linernotes.chat.asking.open_questions import OpenQuestions
from linernotes.chat.frame import logs
from linernotes.chat.frame.bot import RESTARTING
from linernotes.chat.frame.embeds import CONTENT
from linernotes.chat.frame.introduction import help_page
from linernotes.chat.frame.manners import BusyError
from linernotes.chat.frame.moderators import may_remove
from linernotes.chat.frame.question_text import question_in
from linernotes.chat.frame.refusals import REFUSALS
from linernotes.chat.frame.responses import UNREACHABLE, explain, shown
from linernotes.chat.frame.sessions import Place
from linernotes.chat.frame.welcome import BlockedError, channels_of, require_welcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.models import Turn

_log = logs.get(__name__)

REMOVE: Final = "❌"
_EDITS: Final = 3
_SEEN: Final = 5_000
_TYPING_SECONDS: Final = 8.0


def register(bot: LinerNotes) -> None:
    """Add the listeners."""
    messages = Messages(bot)
    bot.add_listener(messages.on_message, "on_message")
    bot.add_listener(messages.on_edit, "on_raw_message_edit")
    bot.add_listener(messages.on_delete, "on_raw_message_delete")
    bot.add_listener(messages.on_bulk_delete, "on_raw_bulk_message_delete")
    bot.add_listener(messages.on_reaction, "on_raw_reaction_add")
    bot.add_listener(messages.catching_up.on_shard_connect, "on_shard_connect")
    bot.add_listener(messages.catching_up.on_shard_ready, "on_shard_ready")


@dataclass(slots=True)
class _Pending:
    """A question that is being answered, and what has become of its message meanwhile."""

    content: str
    deleted: asyncio.Event = field(default_factory=asyncio.Event)
    # What was to be sent could not be: the question stays open.
    undelivered: bool = False


class Messages:
    """Answers mentions, replies and direct messages, each once."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._pending: dict[int, _Pending] = {}
        # Discord sends an event again when a connection is resumed.
        self._seen: OrderedDict[int, None] = OrderedDict()
        # The bot's message for each question, for those replies too under which nothing is kept.
        self._replies: OrderedDict[int, discord.Message] = OrderedDict()
        self._typing: Counter[int] = Counter()
        self._questions = OpenQuestions(bot.store)
        self.catching_up = CatchingUp(bot, self._questions, self._hear_again)

    async def on_message(self, message: discord.Message) -> None:
        """Answer a message that is for the bot."""
        self._questions.seen(message.channel.id, message.id)
        if not self._is_for_us(message) or message.id in self._seen:
            return
        self._seen[message.id] = None
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        guild = None if message.guild is None else message.guild.id
        place = Place(guild, message.channel.id, message.author.id)
        try:
            require_welcome(
                self._bot.servers.of(guild), place.person, channels_of(message.channel, message.channel.id)
            )
        except BlockedError:
            return
        if not self._may_write(message):
            _log.info("may not write here", guild=guild, channel=place.channel)
            return
        self._questions.opened(message.id, guild, place.channel)
        pending = self._pending[message.id] = _Pending(message.content)
        cancelled = False
        try:
            with (
                self._bot.work(farewell=functools.partial(self._part_from, message)),
                self._bot.manners.question(guild, place.person) as give_back,
            ):
                await self._respond(message, place, pending, give_back)
        except BusyError as busy:
            if not busy.told:
                await self._send(message, str(busy))
        except asyncio.CancelledError:
            # The bot leaves; what becomes of the question is the farewell's.
            cancelled = True
            raise
        except Exception as error:  # noqa: BLE001  the one handler for messages
            sentence = explain(error, message=message.id, guild=guild, channel=place.channel)
            await self._send(message, sentence)
        finally:
            del self._pending[message.id]
            if not cancelled:
                self._end(message.id, undelivered=pending.undelivered)

    def _end(self, message: int, *, undelivered: bool) -> None:
        """Note a question's outcome; without one, it is heard again."""
        if not undelivered:
            self._questions.closed(message)
            return
        self._seen.pop(message, None)
        self.catching_up.read_later()

    async def _part_from(self, message: discord.Message) -> None:
        """Tell who waits in vain."""
        pending = self._pending[message.id] = _Pending(message.content)
        try:
            await self._send(message, RESTARTING)
        finally:
            del self._pending[message.id]
        if not pending.undelivered:
            self._questions.closed(message.id)

    async def _hear_again(self, message: discord.Message) -> None:
        """Answer a message that was written while nobody listened, or that has had no outcome."""
        if message.id in self._questions and message.id not in self._pending:
            self._seen.pop(message.id, None)
        await self.on_message(message)

    async def on_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Take note that a question was edited while it is being answered."""
        pending = self._pending.get(payload.message_id)
        if pending is not None and (content := payload.data.get("content")):
            pending.content = content

    async def on_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Remove the answer to a question that was deleted."""
        await self._deleted(payload.message_id, payload.channel_id, payload.guild_id)

    async def on_bulk_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Remove the answers to questions that were deleted."""
        for message in payload.message_ids:
            await self._deleted(message, payload.channel_id, payload.guild_id)

    async def on_reaction(self, payload: discord.RawReactionActionEvent) -> None:
        """Remove an answer on which its asker or a moderator puts the mark for it."""
        if payload.emoji.name != REMOVE or self._bot.user is None or payload.user_id == self._bot.user.id:
            return
        posted = await self._bot.store.find_message(
            payload.message_id, guild=payload.guild_id, channel=payload.channel_id
        )
        if posted is None:
            return
        if payload.user_id == posted.asker or self._may_remove(payload.member, payload.channel_id):
            await remove_answer(self._bot, posted)

    # --- Which messages, and where ---

    def _is_for_us(self, message: discord.Message) -> bool:
        me = self._bot.user
        if me is None or message.author.bot or message.webhook_id is not None:
            return False
        if message.type not in {discord.MessageType.default, discord.MessageType.reply}:
            return False
        if message.flags.forwarded:
            return False
        if message.guild is None or any(user.id == me.id for user in message.mentions):
            return True
        return self._goes_on(message, me.id)

    def _goes_on(self, message: discord.Message, me: int) -> bool:
        """Say whether a message without a mention is for the bot: in a thread that it was asked in."""
        if not self._bot.settings.message_content or not isinstance(message.channel, discord.Thread):
            return False
        if not self._bot.sessions.joined(message.channel.id) or not message.content.strip():
            return False
        # A message to somebody else is not for us.
        if message.mentions or message.role_mentions or message.mention_everyone:
            return False
        replied = None if message.reference is None else message.reference.resolved
        return message.reference is None or (isinstance(replied, discord.Message) and replied.author.id == me)

    def _may_write(self, message: discord.Message) -> bool:
        permissions = _own_permissions(message)
        if isinstance(message.channel, discord.Thread):
            return permissions.send_messages_in_threads
        return permissions.send_messages

    def _may_remove(self, member: discord.Member | None, channel_id: int) -> bool:
        if member is None:
            return False
        channel = member.guild.get_channel_or_thread(channel_id)
        try:
            permissions = member.guild_permissions if channel is None else channel.permissions_for(member)
        except discord.ClientException:  # a thread whose channel is not known
            permissions = member.guild_permissions
        return may_remove(self._bot.servers.of(member.guild.id), member, permissions)

    # --- Answering ---

    async def _respond(
        self, message: discord.Message, place: Place, pending: _Pending, give_back: Callable[[], None]
    ) -> None:
        bot = self._bot
        turns = self._conversation(message, place)
        async with self._typing_in(message.channel):
            content = None
            reply: Reply | discord.Embed | str = ""
            # Edited while it is being answered: the answer is to what stands there now.
            for _ in range(_EDITS):
                if content == pending.content or pending.deleted.is_set():
                    break
                content = pending.content
                reply = await self._reply_to(message, content, place, turns)
        give_back()
        if pending.deleted.is_set():
            await bot.store.drop(message.id)
            return
        if not isinstance(reply, Reply):
            await self._send(message, reply)
            return
        reply = await add_buttons(bot, reply, place, content or "")
        sent = await self._send(message, reply.embed, reply.view)
        if sent is None:
            await bot.store.drop(message.id)
            return
        await remember(bot, reply, place, sent.id)
        if isinstance(message.channel, discord.Thread):
            bot.sessions.join(message.channel.id)
        if pending.deleted.is_set():
            with suppress(*UNREACHABLE):
                await sent.delete()

    async def _reply_to(
        self, message: discord.Message, content: str, place: Place, turns: tuple[Turn, ...]
    ) -> Reply | discord.Embed | str:
        bot = self._bot
        assert bot.user is not None  # noqa: S101  it is logged in
        names = {user.id: user.display_name for user in message.mentions}
        names |= {role.id: role.name for role in message.role_mentions}
        names |= {channel.id: channel.name for channel in message.channel_mentions}
        question = question_in(content, bot=bot.user.id, names=names)
        if question:
            return await answer(bot, question, place, message.id, turns)
        if not content and not message.attachments and message.reference is not None:
            # A reply to what a command showed: Discord does not let us read it.
            return f"I cannot read that: mention me ({bot.user.mention}) in it, or use `/ask`."
        guild = bot.guild_of(place.guild)
        return help_page(await bot.library.edition(guild), await bot.examples.of(guild), bot.user.mention)

    def _conversation(self, message: discord.Message, place: Place) -> tuple[Turn, ...]:
        sessions = self._bot.sessions
        replied = None if message.reference is None else message.reference.message_id
        if replied is not None and (turns := sessions.after(place, replied)):
            return turns
        if message.guild is None or isinstance(message.channel, discord.Thread):
            return sessions.latest(place)
        return ()

    async def _send(
        self, message: discord.Message, reply: discord.Embed | str, view: discord.ui.View | None = None
    ) -> discord.Message | None:
        """Send a reply; ``None`` where Discord does not let us."""
        permissions = _own_permissions(message)
        told: dict[str, Any] = (
            {"content": reply}
            if isinstance(reply, str)
            else {
                name: value
                for name, value in shown(reply, plainly=not permissions.embed_links).items()
                if value is not None
            }
        )
        if view is not None:
            told["view"] = view
        if permissions.read_message_history:
            told["reference"] = message.to_reference(fail_if_not_exists=False)
        elif "content" in told:
            told["content"] = f"{message.author.mention} {told['content']}"[:CONTENT]
        else:
            told["content"] = message.author.mention
        try:
            # The nonce makes it one message, however often the request is repeated.
            sent = await message.channel.send(**told, nonce=str(message.id))
        except discord.HTTPException as error:
            refusal = REFUSALS.get(error.code)
            known = isinstance(error, discord.Forbidden | discord.NotFound) or refusal is not None
            log = _log.info if known else _log.warning
            means = None if refusal is None else refusal.means
            log("not sent", channel=message.channel.id, code=error.code, means=means, reason=error.text)
        except UNREACHABLE as error:
            _log.warning("not sent", channel=message.channel.id, reason=type(error).__name__)
            if (pending := self._pending.get(message.id)) is not None:
                pending.undelivered = True
        else:
            self._replies[message.id] = sent
            if len(self._replies) > _SEEN:
                self._replies.popitem(last=False)
            return sent
        return None

    @asynccontextmanager
    async def _typing_in(self, channel: discord.abc.Messageable) -> AsyncIterator[None]:
        """Show that the bot is typing: once for all questions of a channel, and never waited for."""
        where = getattr(channel, "id", 0)
        self._typing[where] += 1
        task = None if self._typing[where] > 1 else asyncio.ensure_future(_type(channel))
        try:
            yield
        finally:
            self._typing[where] -= 1
            if not self._typing[where]:
                del self._typing[where]
            if task is not None:
                task.cancel()
                await asyncio.wait([task])

    # --- Removing ---

    async def _deleted(self, message: int, channel: int, guild: int | None) -> None:
        if message in self._pending:
            self._pending[message].deleted.set()
        reply = self._replies.pop(message, None)
        posted = await self._bot.store.find(message, guild=guild, channel=channel)
        if posted is not None:
            await remove_answer(self._bot, posted)
            return
        if reply is not None:
            with suppress(discord.NotFound):
                await reply.delete()
            return
        posted = await self._bot.store.find_message(message, guild=guild, channel=channel)
        if posted is not None:
            await self._bot.store.drop(posted.key)
            self._bot.sessions.drop(message)


async def _type(channel: discord.abc.Messageable) -> None:
    with suppress(*UNREACHABLE):
        while True:
            await channel.typing()
            await asyncio.sleep(_TYPING_SECONDS)


def _own_permissions(message: discord.Message) -> discord.Permissions:
    """Return what the bot may do in a message's channel; all that matters in a direct message."""
    if message.guild is None:
        return discord.Permissions.all()
    try:
        return message.channel.permissions_for(message.guild.me)
    except (discord.ClientException, AttributeError):
        # A thread whose channel is not known: what may not be done, Discord says.
        return message.guild.me.guild_permissions
