"""Sentences, as inputs of numbers."""
