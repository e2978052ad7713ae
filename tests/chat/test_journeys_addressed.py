"""However people address the bot, and whatever Discord's library does not know, they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from simcord.backend.models.message import Poll, PollAnswer
from test_journeys_commands import response_of
from world import text_of

from fakes import QUESTION
from linernotes.chat.asking import crowds
from linernotes.chat.frame.manners import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World


LATER = "2100-01-01T00:00:00.000000+00:00"


def own_role(world: World) -> Any:
    """Give the bot the role that Discord makes for an application that is invited."""
    role = world.guild.create_role("Liner Notes")
    known = world.bot.get_guild(world.guild.id).get_role(role.id)  # type: ignore[union-attr]
    known.tags = discord.RoleTags({"bot_id": str(world.bot.user.id)})  # type: ignore[union-attr]
    return role


# --- The role that Discord made for it --------------------------------------------------------------------


async def test_who_mentions_its_role_is_answered(worlds: Callable[..., Any]) -> None:
    async with worlds(message_content=True) as world:
        role = own_role(world)
        await world.alice.send(world.channel, f"<@&{role.id}> {QUESTION}")
        (answer,) = world.answers
        assert "Ada Stone" in text_of(answer)
        await world.bob.send(world.channel, f"<@&{role.id}>")
        assert "What I do" in text_of(world.answers[1])


async def test_another_role_is_not_the_bots(worlds: Callable[..., Any]) -> None:
    async with worlds(message_content=True) as world:
        own_role(world)
        other = world.guild.create_role("Sailors")
        await world.alice.send(world.channel, f"<@&{other.id}> {QUESTION}")
        assert world.answers == []


async def test_where_discord_withholds_the_text_it_says_once_whom_to_mention(
    worlds: Callable[..., Any],
) -> None:
    none = discord.Intents.all()
    none.message_content = none.members = none.presences = False
    async with worlds(simulation={"approved_intents": none}) as world:
        role = own_role(world)
        for person in (world.alice, world.alice, world.bob):
            await person.send(world.channel, f"<@&{role.id}> {QUESTION}")
        assert [f"Mention me ({world.me})" in answer.content for answer in world.answers] == [True, True]
        assert all("not my role" in answer.content for answer in world.answers)


# --- Edits ------------------------------------------------------------------------------------------------


async def test_the_first_edit_that_mentions_it_is_a_question(world: World) -> None:
    asked = await world.alice.send(world.channel, QUESTION)
    assert world.answers == []
    await world.alice.edit(asked, f"{world.me} {QUESTION}")
    (answer,) = world.answers
    assert "Ada Stone" in text_of(answer)
    assert answer.reference is not None
    assert answer.reference.message_id == asked.id
    # It has been answered; whatever is edited then is not asked again.
    await world.alice.edit(asked, f"{world.me} How long did it take her?")
    assert len(world.answers) == 1


async def test_an_edit_after_a_restart_asks_nothing_that_was_answered(world: World) -> None:
    asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    new = await world.alice.send(world.channel, QUESTION)
    await world.restart()
    await world.alice.edit(asked, f"{world.me} {QUESTION} please")
    assert len(world.answers) == 1
    await world.alice.edit(new, f"{world.me} {QUESTION}")
    assert len(world.answers) == 2


async def test_an_edit_of_long_ago_that_discord_tells_again_is_no_question(world: World) -> None:
    events: list[Any] = []
    world.env.backend.subscribers.append(lambda name, payload: events.append((name, dict(payload))))
    asked = await world.alice.send(world.channel, QUESTION)
    await world.alice.edit(asked, QUESTION)
    payload = next(payload for name, payload in events if name == "MESSAGE_UPDATE")
    me = payload["author"] | {"id": str(world.bot.user.id), "bot": True}
    payload |= {"id": str(int(asked.id) - 1), "content": f"{world.me} {QUESTION}", "mentions": [me]}
    payload["edited_timestamp"] = "2020-01-01T00:00:00.000000+00:00"
    world.env.backend.emit("MESSAGE_UPDATE", payload)
    await world.env.settle()
    assert world.answers == []


async def test_that_a_link_got_its_picture_is_no_edit(world: World) -> None:
    events: list[Any] = []
    world.env.backend.subscribers.append(lambda name, payload: events.append((name, dict(payload))))
    await world.alice.send(world.channel, QUESTION)
    payload = next(payload for name, payload in events if name == "MESSAGE_CREATE")
    me = payload["author"] | {"id": str(world.bot.user.id), "bot": True}
    world.env.backend.emit("MESSAGE_UPDATE", payload | {"mentions": [me]})
    await world.env.settle()
    assert world.answers == []


# --- Forwards and polls -----------------------------------------------------------------------------------


async def test_a_forward_is_asked_about_by_its_menu(world: World) -> None:
    source = await world.bob.send(world.channel, QUESTION)
    forwarded = await world.bob.forward(source, world.channel)
    assert forwarded.content == ""
    shown = response_of(await world.alice.context_menu(world.channel, "Ask about this", forwarded))
    assert "Ada Stone" in text_of(shown)
    assert world.answers == []


async def test_a_poll_is_asked_about_by_its_menu(world: World) -> None:
    poll = Poll(question=QUESTION, answers=[PollAnswer(1, "Ada"), PollAnswer(2, "Otto")], expiry=LATER)
    world.env.backend.create_message(world.channel.id, world.bob.id, "", poll=poll)
    await world.env.settle()
    (message,) = world.channel.history()
    shown = response_of(await world.alice.context_menu(world.channel, "Ask about this", message))
    assert "Ada Stone" in text_of(shown)


# --- What is not known ------------------------------------------------------------------------------------


def forget_thread(world: World, thread: Any) -> None:
    """Let the bot's library not know a thread, as after a start when it was archived."""
    world.bot.get_guild(world.guild.id)._threads.pop(thread.id)  # type: ignore[union-attr]


async def test_in_a_thread_that_is_not_known_it_answers(world: World) -> None:
    thread = world.thread()
    forget_thread(world, thread)
    await world.alice.send(thread, f"{world.me} {QUESTION}")
    (answer,) = world.said(thread)
    assert "Ada Stone" in text_of(answer)
    assert world.env.errors == []


async def test_in_a_thread_that_discord_does_not_tell_of_it_tries_all_the_same(world: World) -> None:
    thread = world.thread()
    forget_thread(world, thread)
    world.env.inject_error("GET", f"/channels/{thread.id}", status=404, code=10003, message="Unknown Channel")
    await world.alice.send(thread, f"{world.me} {QUESTION}")
    assert "Ada Stone" in text_of(world.said(thread)[0])
    assert world.env.errors == []


async def test_a_rule_on_the_channel_counts_in_a_thread_that_is_not_known(world: World) -> None:
    thread = world.thread()
    await world.mod.slash(world.channel, "settings channel", channel=world.channel, rule="deny")
    forget_thread(world, thread)
    await world.alice.send(thread, f"{world.me} {QUESTION}")
    assert world.said(thread) == []
    assert world.env.errors == []


async def test_a_thread_whose_channel_is_not_known_is_answered_in(world: World) -> None:
    thread = world.thread()
    world.bot.get_guild(world.guild.id)._channels.pop(world.channel.id)  # type: ignore[union-attr]
    await world.alice.send(thread, f"{world.me} {QUESTION}")
    assert "Ada Stone" in text_of(world.said(thread)[0])
    assert world.env.errors == []


async def test_where_its_own_membership_is_not_known_it_tries(world: World) -> None:
    world.bot.get_guild(world.guild.id)._members.pop(world.bot.user.id)  # type: ignore[union-attr]
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    assert "Ada Stone" in text_of(world.answers[0])
    assert world.env.errors == []


async def test_a_server_that_is_not_known_is_no_direct_message(world: World) -> None:
    world.bot._connection._guilds.pop(world.guild.id)
    await world.alice.send(world.channel, "good morning, everybody")
    await world.alice.send(world.channel, QUESTION)
    assert world.requests("POST", "/messages") == []
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    (sent,) = world.requests("POST", f"/channels/{world.channel.id}/messages")
    assert "Ada Stone" in str(sent.json["embeds"])
    # It is known as a member of that server now.
    assert world.bot.guild_of(world.guild.id) == world.guild.id
    assert world.env.errors == []


async def test_what_is_not_allowed_after_all_is_tried_in_another_way(world: World) -> None:
    world.bot.get_guild(world.guild.id)._members.pop(world.bot.user.id)  # type: ignore[union-attr]
    world.env.inject_error(
        "POST",
        f"/channels/{world.channel.id}/messages",
        status=403,
        code=160002,
        message="No history",
        times=1,
    )
    await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    (answer,) = world.answers
    assert answer.reference is None
    assert world.alice.mention in answer.content


# --- Talk in a thread -------------------------------------------------------------------------------------


async def test_in_a_followed_thread_talk_is_left_alone(worlds: Callable[..., Any]) -> None:
    async with worlds(message_content=True) as world:
        thread = world.thread()
        await world.alice.send(thread, f"{world.me} {QUESTION}")
        for talk in (
            "brb, getting coffee",
            "lol same",
            "are you coming tonight?",
            "https://example.org/x",
            "🔥",
        ):
            await world.bob.send(thread, talk)
        assert len(world.said(thread)) == 1
        assert world.bot.manners.under_way == 0
        asked = await world.bob.send(thread, "who built the harbour")
        assert len(world.said(thread)) == 2
        assert world.said(thread)[1].reference.message_id == asked.id


async def test_talk_that_is_edited_into_a_question_is_answered(worlds: Callable[..., Any]) -> None:
    async with worlds(message_content=True) as world:
        thread = world.thread()
        await world.alice.send(thread, f"{world.me} {QUESTION}")
        talk = await world.bob.send(thread, "brb, getting coffee")
        await world.bob.edit(talk, f"{world.me} {QUESTION}")
        assert len(world.said(thread)) == 2


# --- Refusals ---------------------------------------------------------------------------------------------


async def test_that_everybody_asks_at_once_is_said_once_in_a_while(worlds: Callable[..., Any]) -> None:
    async with worlds(options={"limits": Limits(at_once=0)}) as world:
        for _ in range(5):
            await world.alice.send(world.channel, f"{world.me} {QUESTION}")
        assert len(world.answers) == 1
        await world.env.advance_time(crowds.TOGETHER_SECONDS + 1)
        assert len(world.answers) == 2
