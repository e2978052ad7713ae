"""A server's library: questions and changes in; answers, previews and editions out."""

from __future__ import annotations

from linernotes.library.service import Library

__all__ = ["Library"]
