"""The commands, one file a group: what is typed in, and what is printed of what came of it."""
