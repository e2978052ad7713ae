"""A question in Discord in; an answer with its buttons out."""
