"""Start the command line."""

from linernotes.shell.cli import main

main()
