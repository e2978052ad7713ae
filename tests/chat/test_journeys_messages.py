"""Members talk with the bot as they talk with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from world import text_of

from fakes import QUESTION

if TYPE_CHECKING:
    from world import World


async def test_a_mention_is_answered_by_a_reply(world: World) -> None:
    asked = await world.alice.send(world.channel, f"{world.me} {QUESTION}")
    (answer,) = world.answers
    assert "Ada Stone" in text_of(answer)
    assert answer.reference is not None
    assert answer.reference.message_id == asked.id
