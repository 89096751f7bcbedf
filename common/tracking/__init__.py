"""Weights and Biases beside local files: the local files are the truth."""
