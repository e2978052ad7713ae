"""``/settings``: moderators say where and whom the bot answers, and see all that is set in their server."""
