"""What the bot says about itself: help, sources, privacy."""
