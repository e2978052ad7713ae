"""What an operator types in; sentences, JSON and exit statuses out."""
