"""What can be loaded: one module per kind of target."""
