"""Taking an attribute out of embeddings: fitted to training people, applied to anybody."""
