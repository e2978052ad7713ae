"""What moderators want to change in; a preview out, and a new edition once they press *Apply*."""
