"""The generated digits that only MCL needs."""
