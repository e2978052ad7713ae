"""What every feature in Discord stands on: the bot with its buttons, embeds and manners. Knows no feature."""
