"""What members and moderators can type is what the documents say, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from discord import app_commands

if TYPE_CHECKING:
    from world import World

ROOT = Path(__file__).parents[2]


def options_of(world: World) -> dict[str, set[str]]:
    """Return the options of each command, by its whole name."""
    return {
        each.qualified_name: {option.name for option in each.parameters}
        for each in world.bot.tree.walk_commands()
        if isinstance(each, app_commands.Command)
    }


async def test_the_documents_name_the_commands_that_there_are(world: World) -> None:
    there = options_of(world)
    groups = {name.split()[0] for name in there if " " in name}
    named: set[str] = set()
    for path in (ROOT / "README.md", ROOT / "docs" / "discord.md"):
        text = path.read_text(encoding="utf-8")
        for typed in re.findall(r"`/([a-z][^`]*)`", text):
            words = [word for word in typed.split() if ":" not in word]
            name = " ".join(words)
            given = set(re.findall(r"(\w+):", typed))
            # README names the commands of the terminal's chat as well.
            if path.name == "README.md" and name in {"passage", "why", "song"}:
                continue
            assert name in there or name in groups, f"{path.name}: /{typed}"
            assert given <= there.get(name, set()), f"{path.name}: /{typed}"
            named.add(name)
    # “`/settings block` and `unblock`” names the second by its last word alone.
    assert set(there) - named == {"settings unblock"}


async def test_the_documents_name_what_stands_in_a_messages_menu(world: World) -> None:
    menu = {each.name for each in world.bot.tree.get_commands() if isinstance(each, app_commands.ContextMenu)}
    text = " ".join((ROOT / "docs" / "discord.md").read_text(encoding="utf-8").split())
    assert set(re.findall(r"\*Apps, ([^*]+)\*", text)) == menu
