"""Start the command line."""

import os
import signal
import sys

# Heard from the first line, for the imports take a while: as the first process of a container, one without a
# handler would not hear it at all. There is nothing to lose yet; the bot sets a handler of its own.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0 if len(sys.argv) == 1 else 128 + signal.SIGTERM))

from linernotes.shell import main  # noqa: E402  see above

main()
