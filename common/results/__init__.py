"""What is kept of runs, and what is said of it."""
