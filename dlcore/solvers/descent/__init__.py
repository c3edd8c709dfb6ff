"""Minimization of smooth functions: directions of descent and searches along them."""
