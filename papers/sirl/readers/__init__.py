"""Readers: generated trajectories, and tables and answers of the user's own."""
