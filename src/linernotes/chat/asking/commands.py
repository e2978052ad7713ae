"""Questions by command: ``/ask``, *Ask about this*, and *Remove this answer*."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from linernotes.chat.asking.addressing import text_of
from linernotes.chat.asking.answers import add_buttons, answer, remember, remove_answer
from linernotes.chat.frame.completion import CHOICES, complete
from linernotes.chat.frame.embeds import CHOICE, short_key
from linernotes.chat.frame.markup import clean, trim, width
from linernotes.chat.frame.moderators import may_remove
from linernotes.chat.frame.promptly import promptly
from linernotes.chat.frame.question_text import question_in
from linernotes.chat.frame.responses import defer, show, told
from linernotes.chat.frame.sessions import Place
from linernotes.errors import RefusalError

if TYPE_CHECKING:
    from linernotes.chat.frame.bot import LinerNotes


def register(bot: LinerNotes) -> None:
    """Add the commands."""

    @bot.tree.command(
        name="ask", description="Ask something about the song; the article's own sentences answer"
    )
    @app_commands.describe(
        question="What you want to know",
        song="Which song or document to ask about, where there are several",
        private="Show the answer to you alone",
    )
    @told
    async def ask(
        interaction: discord.Interaction[LinerNotes],
        question: str,
        song: str | None = None,
        private: bool = False,
    ) -> None:
        await _respond(interaction, question, hidden=private, song=song)

    complete(ask, "song", _song_choices)

    @bot.tree.context_menu(name="Ask about this")
    @told
    async def ask_about(interaction: discord.Interaction[LinerNotes], message: discord.Message) -> None:
        assert bot.user is not None  # noqa: S101  it is logged in
        names = {user.id: user.display_name for user in message.mentions}
        said = text_of(message)
        question = question_in(said, bot=bot.user.id, names=names)
        await _respond(interaction, question, hidden=True, content=said)

    @bot.tree.context_menu(name="Remove this answer")
    @told
    async def remove(interaction: discord.Interaction[LinerNotes], message: discord.Message) -> None:
        await defer(interaction, hidden=True)
        with bot.work(interaction):
            await _remove_message(interaction, message)
        await interaction.edit_original_response(content="Removed.")


async def _respond(
    interaction: discord.Interaction[LinerNotes],
    question: str,
    *,
    hidden: bool,
    song: str | None = None,
    content: str | None = None,
) -> None:
    bot = interaction.client
    # All of this is known at once: who is refused hears it alone.
    bot.require_welcome(interaction)
    channel = interaction.channel_id or 0
    place = Place(interaction.guild_id, channel, interaction.user.id)
    with bot.work(interaction), bot.manners.question(place.guild, place.person) as give_back:
        await defer(interaction, hidden=hidden)
        document = None if song is None else await _document_named(bot, interaction.guild_id, song)
        turns = bot.sessions.latest(place) if interaction.guild_id is None else ()
        text = question_in(question, bot=0, names={})
        reply = await answer(bot, text, place, interaction.id, turns, document=document, asked=True)
        reply = await add_buttons(bot, reply, place, question if content is None else content)
        give_back()
        message = await show(interaction, reply.embed, reply.view)
        await remember(bot, reply, place, message.id, private=hidden)


async def _document_named(bot: LinerNotes, guild: int | None, song: str) -> str:
    """Return the name of the document that a member means.

    Raises:
        RefusalError: there is none.
    """
    edition = await bot.library.edition(bot.guild_of(guild))
    # What was chosen first: names may differ in case alone.
    for document in edition.documents:
        if song == _song_value(document.name):
            return document.name
    wanted = song.strip().casefold()
    for document in edition.documents:
        if wanted in {document.name.casefold(), (document.title or "").casefold()}:
            return document.name
    raise RefusalError("I know no such song; `/sources` lists what I answer from.")


async def _song_choices(
    interaction: discord.Interaction[LinerNotes], current: str
) -> list[app_commands.Choice[str]]:
    bot = interaction.client
    bot.require_welcome(interaction)
    edition = await bot.library.edition(bot.guild_of(interaction.guild_id))
    wanted = current.strip().casefold()
    found = []
    for document in edition.documents:
        label = " · ".join(each for each in (document.title or document.name, document.artist) if each)
        if wanted in label.casefold():
            found.append(
                app_commands.Choice(name=trim(label, CHOICE) or "…", value=_song_value(document.name))
            )
    return found[:CHOICES]


def _song_value(name: str) -> str:
    """Return what stands for a document in a choice: its name, or a key where that is too long or odd."""
    return name if name == clean(name) and width(name) <= CHOICE else f"#{short_key(name)}"


async def _remove_message(interaction: discord.Interaction[LinerNotes], message: discord.Message) -> None:
    bot = interaction.client
    if bot.user is None or message.author.id != bot.user.id:
        raise RefusalError("That is not an answer of mine.")
    channel = interaction.channel_id or 0
    posted = await promptly(bot.store.find_message(message.id, guild=interaction.guild_id, channel=channel))
    server = bot.servers.of(interaction.guild_id)
    may = interaction.guild_id is not None and may_remove(server, interaction.user, interaction.permissions)
    if not may and (posted is None or posted.asker != interaction.user.id):
        raise RefusalError("Only who asked, or a moderator, can remove an answer.")
    if posted is not None:
        await remove_answer(bot, posted)
        return
    try:
        await message.delete()
    except discord.NotFound:
        pass
    except discord.Forbidden as error:
        raise RefusalError("I may not remove that here.") from error
