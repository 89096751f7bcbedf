"""What two or more papers share, and what no paper should own."""
