"""Optimizers, learning-rate tables and parameter groups."""
