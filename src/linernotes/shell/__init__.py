"""What an operator types in; sentences, JSON and exit statuses out."""

from linernotes.shell.cli import main

__all__ = ["main"]
