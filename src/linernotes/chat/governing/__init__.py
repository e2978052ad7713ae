"""Where and whom the bot answers in a server: ``/settings``."""
