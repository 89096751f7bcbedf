"""Losses shared by two or more papers: pure functions, float32 or wider inside."""
