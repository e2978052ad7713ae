"""Start the command line."""

from linernotes.shell import main

main()
