"""Heavy modules, loaded when something of them is first used: collecting the tests takes none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# What pytest asks of all that stands in a module, to see whether it is a test or a fixture.
_ASKED_BY_PYTEST = ("__", "_pytest", "_mock", "pytest")


class Late:
    """Stands for a module, to be asked what that has; it is patched by its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(_ASKED_BY_PYTEST):
            raise AttributeError(name)
        return getattr(import_module(self._name), name)
