"""Start the command line."""

from linernotes.cli import main

main()
