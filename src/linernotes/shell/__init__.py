"""What an operator types in; sentences, JSON and exit statuses out."""

import gc

# What is made while modules load stays: looking through it for garbage at every 700 objects took a twentieth
# of the start, and of a question's memory there is little in circles.
gc.set_threshold(20_000, 10, 10)

from linernotes.shell.cli import main  # noqa: E402  see above

__all__ = ["main"]
