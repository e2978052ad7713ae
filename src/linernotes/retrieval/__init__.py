"""Text to evidence: embeddings, the index, and the ranking of what it finds."""
