"""Text in: files become documents, and documents passages, sentences and quotations."""
