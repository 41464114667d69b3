"""Pairs of pictures: which are compared, how alike they are, and who is taken for whom."""
