"""Questions with known answers in; figures and learned weights out."""
