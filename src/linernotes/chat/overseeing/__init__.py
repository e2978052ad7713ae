"""What moderators watch over (checks, gaps, the audit trail) in; lists and guards out."""
