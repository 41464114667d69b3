"""Face networks in PyTorch, from their papers and published files."""
