"""Questions in messages: mentions, replies and direct messages, each answered once by a message.

What Discord's library does not know (a thread, a server, what the bot may do there) is not taken for
forbidden, nor for a direct message: it is tried, and Discord decides.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter, OrderedDict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import discord

from linernotes.chat.asking.addressing import (
    Recent,
    guild_of,
    how_addressed,
    is_by_person,
    own_roles,
    text_of,
)
from linernotes.chat.asking.answers import Reply, add_buttons, answer, remember, remove_answer
from linernotes.chat.asking.catching_up import CatchingUp
from linernotes.chat.asking.crowds import Crowds
from linernotes.chat.asking.open_questions import OpenQuestions
from linernotes.chat.asking.places import Places, may_write, own_permissions
from linernotes.chat.frame import logs
from linernotes.chat.frame.bot import RESTARTING
from linernotes.chat.frame.embeds import CONTENT
from linernotes.chat.frame.introduction import help_page
from linernotes.chat.frame.manners import BusyError
from linernotes.chat.frame.moderators import may_remove
from linernotes.chat.frame.promptly import promptly
from linernotes.chat.frame.question_text import question_in
from linernotes.chat.frame.refusals import REFUSALS
from linernotes.chat.frame.responses import UNREACHABLE, explain, shown
from linernotes.chat.frame.sessions import Place
from linernotes.chat.frame.welcome import BlockedError, channels_of, require_welcome
from linernotes.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from linernotes.chat.asking.addressing import Addressed
    from linernotes.chat.frame.bot import LinerNotes
    from linernotes.models import Turn

_log = logs.get(__name__)

REMOVE: Final = "❌"
_EDITS: Final = 3
_SEEN: Final = 5_000
# Ids of messages that were not for the bot: of these it is known that a mention in them is new.
_PASSED: Final = 20_000
# An edit of a message that the bot has not seen before is a question if it comes this soon.
_EDITED: Final = timedelta(minutes=15)
_TYPING_SECONDS: Final = 8.0
_NO_HISTORY: Final = 160002

# A message that is older, in seconds, when it comes has waited somewhere.
_WAITED: Final = 5.0

# Of messages that name nobody, so many are read at once; what comes meanwhile is left alone.
_OVERHEARD: Final = 20

_LISTENS: Final = (
    "I could not read that: Discord shows me a message only if it mentions me, and not my role. Mention me"
    " ({}), or use `/ask`."
)


def register(bot: LinerNotes) -> None:
    """Add the listeners."""
    messages = Messages(bot)
    bot.hooks.leaving.append(messages.leave)
    bot.hooks.forgotten.append(messages.forget)
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


@dataclass(frozen=True, slots=True)
class _Heard:
    """A message that is for the bot: how it is addressed, who asks where, and the channel as far as known."""

    message: discord.Message
    how: Addressed
    place: Place
    channel: Any


def _age_of(message: discord.Message) -> float:
    """Return how many seconds ago a message was written that may have waited; 0 for one that did not.

    It is told by Discord's clock and ours. Where these disagree, a message that has just come seems to have
    waited, and for no longer than a gap may be that is read.
    """
    age = (discord.utils.utcnow() - message.created_at).total_seconds()
    return age if _WAITED < age < _EDITED.total_seconds() else 0.0


class Messages:
    """Answers mentions, replies and direct messages, each once."""

    def __init__(self, bot: LinerNotes) -> None:
        """Take the bot."""
        self._bot = bot
        self._places = Places(bot)
        self._pending: dict[int, _Pending] = {}
        # Discord sends an event again when a connection is resumed.
        self._seen = Recent(_SEEN)
        self._passed = Recent(_PASSED)
        # The bot's message for each question, for those replies too under which nothing is kept.
        self._replies: OrderedDict[int, discord.Message] = OrderedDict()
        self._typing: Counter[int] = Counter()
        self._crowds: Crowds[_Heard] = Crowds(self._send, self._refused)
        # Questions of a crowd that will be told together: they stay open until then.
        self._refusing: set[int] = set()
        self._overheard = 0
        # Who has been told how to mention the bot: once in each server.
        self._taught: OrderedDict[tuple[int | None, int], None] = OrderedDict()
        self._questions = OpenQuestions(bot.store)
        self.catching_up = CatchingUp(bot, self._questions, self._hear_again)

    async def on_message(self, message: discord.Message) -> None:
        """Answer a message that is for the bot."""
        self._questions.seen(message.channel.id, message.id)
        if self._bot.user is None or not is_by_person(message):
            return
        how = self._how(message)
        if how is None:
            self._passed.add(message.id)
            return
        await self._hear(message, how)

    async def on_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Take note of an edit while a question is answered; the first mention makes it a question."""
        pending = self._pending.get(payload.message_id)
        if pending is not None:
            pending.content = payload.data.get("content") or pending.content
            return
        message = payload.message
        if self._bot.leaving or self._bot.user is None or message.id in self._seen:
            return
        # Discord also tells of an edit where a link has got its picture, or somebody has pinned the message.
        if message.edited_at is None or not is_by_person(message):
            return
        how = self._how(message)
        if how in {"mention", "role"} and (message.id in self._passed or await self._is_new(message)):
            await self._hear(message, how)

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
        posted = await promptly(
            self._bot.store.find_message(
                payload.message_id, guild=payload.guild_id, channel=payload.channel_id
            )
        )
        if posted is None:
            return
        if payload.user_id == posted.asker or self._may_remove(payload.member, payload.channel_id):
            await remove_answer(self._bot, posted)

    # --- Which messages, and where ---

    def _how(self, message: discord.Message) -> Addressed | None:
        assert self._bot.user is not None  # noqa: S101  it is logged in
        reads_all = self._bot.settings.message_content
        return how_addressed(message, self._bot.user.id, self._bot.sessions, reads_all=reads_all)

    async def _is_new(self, message: discord.Message) -> bool:
        """Say of a message that came before the bot did whether a mention in it has not been answered yet."""
        if message.edited_at is None or discord.utils.utcnow() - message.edited_at > _EDITED:
            return False
        found = self._bot.store.find(message.id, guild=guild_of(message), channel=message.channel.id)
        return await promptly(found) is None

    async def _hear(self, message: discord.Message, how: Addressed) -> None:
        """Answer a message that is for the bot, unless it has been answered or moderators do not want it."""
        if message.id in self._seen:
            return
        self._seen.add(message.id)
        pending = self._pending[message.id] = _Pending(message.content)
        try:
            await self._consider(message, how, pending)
        finally:
            self._pending.pop(message.id, None)

    async def _consider(self, message: discord.Message, how: Addressed, pending: _Pending) -> None:
        guild = guild_of(message)
        if guild is not None:
            self._bot.note_member(guild)
        channel = await self._places.of(message)
        place = Place(guild, message.channel.id, message.author.id)
        try:
            require_welcome(self._bot.servers.of(guild), place.person, channels_of(channel, place.channel))
        except BlockedError:
            return
        if not may_write(message, channel):
            _log.info("may not write here", guild=guild, channel=place.channel)
            return
        heard = _Heard(message, how, place, channel)
        if how == "overheard" and not await self._is_question(heard):
            # An edit may still make it one.
            self._seen.discard(message.id)
            self._passed.add(message.id)
            return
        await self._answer(heard, pending)

    async def _answer(self, heard: _Heard, pending: _Pending) -> None:
        message, place = heard.message, heard.place
        self._questions.opened(message.id, place.guild, place.channel)
        ends = True
        try:
            with self._bot.work(farewell=functools.partial(self._part_from, heard)):
                await self._bot.acknowledgements.let_pass()
                age = _age_of(message)
                with self._bot.manners.question(place.guild, place.person, age=age) as give_back:
                    await self._respond(heard, pending, give_back)
        except BusyError as busy:
            # It ends when a sentence has been sent, which may be one for many.
            ends = False
            self._refusing.add(message.id)
            who = None if busy.is_crowd else place.person
            await self._crowds.refuse(place.channel, heard, str(busy), person=who)
        except asyncio.CancelledError:
            # The bot leaves; what becomes of the question is the farewell's.
            ends = False
            raise
        except Exception as error:  # noqa: BLE001  the one handler for messages
            sentence = explain(error, message=message.id, guild=place.guild, channel=place.channel)
            await self._send(heard, sentence)
        finally:
            if ends:
                self._end(message.id, undelivered=pending.undelivered)

    def _end(self, message: int, *, undelivered: bool) -> None:
        """Note a question's outcome; without one, it is heard again."""
        if not undelivered:
            self._questions.closed(message)
            return
        self._seen.discard(message)
        self.catching_up.read_later()

    async def _part_from(self, heard: _Heard) -> None:
        """Tell who waits in vain."""
        message = heard.message
        pending = self._pending[message.id] = _Pending(message.content)
        try:
            await self._send(heard, RESTARTING)
        finally:
            self._pending.pop(message.id, None)
        if not pending.undelivered:
            self._questions.closed(message.id)

    async def _hear_again(self, message: discord.Message) -> None:
        """Answer a message that was written while nobody listened, or that has had no outcome."""
        if message.id in self._refusing:
            return
        if message.id in self._questions and message.id not in self._pending:
            self._seen.discard(message.id)
        await self.on_message(message)

    async def _is_question(self, heard: _Heard) -> bool:
        """Say whether a message that names nobody asks the bot; what comes in a crowd is left alone."""
        message = heard.message
        if self._overheard >= _OVERHEARD:
            return False
        self._overheard += 1
        try:
            text = question_in(message.content, bot=0, names={})
            return await self._bot.library.is_question(text, guild=self._bot.guild_of(heard.place.guild))
        except Exception as error:  # noqa: BLE001  nobody has asked to hear of it
            explain(error, message=message.id, guild=heard.place.guild, channel=heard.place.channel)
            return False
        finally:
            self._overheard -= 1

    def _refused(self, questions: Sequence[_Heard]) -> None:
        """Note that a crowd has been told, or cannot be."""
        for each in questions:
            self._refusing.discard(each.message.id)
            self._questions.closed(each.message.id)

    def forget(self, person: int) -> None:
        """Forget where a person was told how to mention the bot."""
        for key in [key for key in self._taught if key[1] == person]:
            del self._taught[key]

    async def leave(self) -> None:
        """Tell those who wait for a sentence that the bot is being restarted."""
        await self._crowds.leave(RESTARTING)

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

    async def _respond(self, heard: _Heard, pending: _Pending, give_back: Callable[[], None]) -> None:
        bot, message, place = self._bot, heard.message, heard.place
        turns = self._conversation(heard)
        async with self._typing_in(message.channel):
            content = None
            reply: Reply | discord.Embed | str | None = ""
            # Edited while it is being answered: the answer is to what stands there now.
            for _ in range(_EDITS):
                if content == pending.content or pending.deleted.is_set():
                    break
                content = pending.content
                reply = await self._reply_to(heard, content, turns)
            if isinstance(reply, Reply) and not pending.deleted.is_set():
                reply = await add_buttons(bot, reply, place, content or text_of(message))
        if pending.deleted.is_set():
            await self._drop(message.id)
            return
        # From here on it is Discord that is waited for, and others may be answered meanwhile.
        give_back()
        if not isinstance(reply, Reply):
            if reply is not None:
                await self._send(heard, reply)
            return
        sent = await self._send(heard, reply.embed, reply.view)
        if sent is None:
            await self._drop(message.id)
            return
        await remember(bot, reply, place, sent.id)
        if isinstance(heard.channel, discord.Thread):
            bot.sessions.join(place.channel)
        if pending.deleted.is_set():
            with suppress(*UNREACHABLE):
                await sent.delete()

    async def _reply_to(
        self, heard: _Heard, content: str, turns: tuple[Turn, ...]
    ) -> Reply | discord.Embed | str | None:
        """Return the reply; ``None`` where there is nothing to say that has not been said."""
        bot, message, place = self._bot, heard.message, heard.place
        assert bot.user is not None  # noqa: S101  it is logged in
        names = {user.id: user.display_name for user in message.mentions}
        names |= {role.id: role.name for role in message.role_mentions}
        names |= {channel.id: channel.name for channel in message.channel_mentions}
        # The role that is the bot's says nothing, as its own name does.
        names |= dict.fromkeys(own_roles(message, bot.user.id), "")
        question = question_in(content, bot=bot.user.id, names=names)
        if not question:
            # Beside the mention: what is forwarded, or a poll.
            beside = text_of(message) if not content.strip() else _poll_of(message)
            question = question_in(beside, bot=bot.user.id, names=names)
        if question:
            return await answer(bot, question, place, message.id, turns)
        if not content and not message.attachments:
            if heard.how == "role":
                return self._teach(place)
            if message.reference is not None and heard.how == "mention":
                # A reply to what a command showed: Discord does not let us read it.
                return f"I cannot read that: mention me ({bot.user.mention}) in it, or use `/ask`."
        guild = bot.guild_of(place.guild)
        return help_page(await bot.library.edition(guild), await bot.examples.of(guild), bot.user.mention)

    def _teach(self, place: Place) -> str | None:
        """Say to a person, once in each server, how to mention the bot so that it can read them."""
        assert self._bot.user is not None  # noqa: S101  it is logged in
        who = (place.guild, place.person)
        if who in self._taught:
            return None
        self._taught[who] = None
        if len(self._taught) > _SEEN:
            self._taught.popitem(last=False)
        return _LISTENS.format(self._bot.user.mention)

    def _conversation(self, heard: _Heard) -> tuple[Turn, ...]:
        sessions, message, place = self._bot.sessions, heard.message, heard.place
        replied = None if message.reference is None else message.reference.message_id
        if replied is not None and (turns := sessions.after(place, replied)):
            return turns
        if place.guild is None or isinstance(heard.channel, discord.Thread) or sessions.joined(place.channel):
            return sessions.latest(place)
        return ()

    async def _send(
        self, heard: _Heard, reply: discord.Embed | str, view: discord.ui.View | None = None
    ) -> discord.Message | None:
        """Send a reply; ``None`` where Discord does not let us."""
        message = heard.message
        permissions = own_permissions(message, heard.channel)
        known = permissions or discord.Permissions.all()
        told: dict[str, Any] = (
            {"content": reply}
            if isinstance(reply, str)
            else {
                name: value
                for name, value in shown(reply, plainly=not known.embed_links).items()
                if value is not None
            }
        )
        if view is not None:
            told["view"] = view
        try:
            try:
                sent = await self._post(message, told, refers=known.read_message_history)
            except discord.HTTPException as error:
                if permissions is not None or error.code != _NO_HISTORY:
                    raise
                # It was not known whether that is allowed, and Discord has said so now.
                sent = await self._post(message, told, refers=False)
        except discord.HTTPException as error:
            refusal = REFUSALS.get(error.code)
            expected = isinstance(error, discord.Forbidden | discord.NotFound) or refusal is not None
            log = _log.info if expected else _log.warning
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

    @staticmethod
    async def _post(message: discord.Message, told: dict[str, Any], *, refers: bool) -> discord.Message:
        """Send a message once, as a reply, or where that is not allowed with the name of who asked."""
        name = message.author.mention
        beside: dict[str, Any] = (
            {"reference": message.to_reference(fail_if_not_exists=False)}
            if refers
            else {"content": f"{name} {told['content']}"[:CONTENT] if "content" in told else name}
        )
        # The nonce makes it one message, however often the request is repeated.
        return await message.channel.send(**(told | beside), nonce=str(message.id))

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
        self._passed.discard(message)
        reply = self._replies.pop(message, None)
        if reply is not None:
            # It is known without the database, which may be busy.
            with suppress(discord.NotFound):
                await reply.delete()
            self._bot.sessions.drop(reply.id)
            await self._drop(message)
            return
        store = self._bot.store
        posted = await promptly(store.find(message, guild=guild, channel=channel))
        if posted is not None:
            await remove_answer(self._bot, posted)
            return
        posted = await promptly(store.find_message(message, guild=guild, channel=channel))
        if posted is not None:
            await self._drop(posted.key)
            self._bot.sessions.drop(message)

    async def _drop(self, key: int) -> None:
        """Forget what is kept for the buttons under an answer; where that cannot be, it goes in 30 days."""
        try:
            await promptly(self._bot.store.drop(key))
        except StoreError as error:
            _log.warning("answer not forgotten", key=key, reason=str(error))


def _poll_of(message: discord.Message) -> str:
    return "" if message.poll is None else message.poll.question or ""


async def _type(channel: discord.abc.Messageable) -> None:
    with suppress(*UNREACHABLE):
        while True:
            await channel.typing()
            await asyncio.sleep(_TYPING_SECONDS)
