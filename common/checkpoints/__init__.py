"""Atomic checkpoints that hold a run's whole position."""
