"""A speaker or a subject in; quotations word for word out: ``/quote`` and ``/quotes``."""
