"""Liner Notes: a Discord bot that answers questions about a song with the article's own sentences."""
