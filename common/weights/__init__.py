"""Trained weights for others: the release and its manifest, model cards, folders for a hub."""
