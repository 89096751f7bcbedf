"""Texts: reading, cutting into tokens, batches; and sentences as inputs of numbers."""
