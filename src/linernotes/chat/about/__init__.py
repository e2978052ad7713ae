"""A question about the bot itself comes in; its help, its sources and what it remembers of people go out."""
