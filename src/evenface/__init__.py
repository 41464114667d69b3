"""evenface."""
