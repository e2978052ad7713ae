"""What moderators watch over in; check questions, gaps and the audit trail out: the rest of ``/corpus``."""
