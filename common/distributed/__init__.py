"""Collectives with the right gradient; each is the identity on one process."""
