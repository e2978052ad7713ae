"""What somebody wants to know of the bot in; help, sources and what it keeps of people out."""
