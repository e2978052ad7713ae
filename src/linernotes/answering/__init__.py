"""Evidence to an answer, or to the statement that there is none."""
