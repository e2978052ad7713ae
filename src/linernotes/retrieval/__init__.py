"""Text in, evidence out: embeddings, the index that is searched with them, the ranking of what it finds."""
