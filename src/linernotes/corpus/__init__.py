"""Text in: files to documents, passages, sentences and quotations."""
