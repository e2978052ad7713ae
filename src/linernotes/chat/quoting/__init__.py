"""Who wants a quotation in; quotations with their speakers out."""
