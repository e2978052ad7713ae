"""The real bot in a simulated Discord, in a browser on this machine; no token, and no network.

::

    serving     opens a library in a folder of its own, and keeps the page there until it is closed
    server      the simulated server: a channel, two members, a moderator
    simulation  the one file that knows what SimCord does not promise: each touch has a name and a reason

SimCord comes with the extra ``preview`` and is imported when the preview starts.
"""

from __future__ import annotations

from linernotes.preview.serving import UNSHOWN, Shown, serve

__all__ = ["UNSHOWN", "Shown", "serve"]
