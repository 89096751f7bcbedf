"""What surrounds training without being part of any paper's algorithm."""
