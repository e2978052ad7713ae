"""A world for each test."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from world import open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as made:
        yield made


@pytest.fixture
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def worlds(tmp_path: Path) -> Callable[..., Any]:
    """Return what makes a world of another kind, as ``open_world`` does."""
    return lambda **kind: open_world(tmp_path, **kind)
