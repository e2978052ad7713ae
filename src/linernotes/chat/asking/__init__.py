"""A question in, by a message or ``/ask``; an answer with its buttons out."""
