"""What moderators set in: ``/settings``; where and whom the bot answers out."""
