"""One module per generated page of the reference; each gives Markdown, the same for the same code."""
