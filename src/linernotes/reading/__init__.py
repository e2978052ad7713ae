"""Reading closely: which words of a sentence answer a question, and whether any do."""
