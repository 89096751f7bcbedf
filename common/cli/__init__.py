"""The command `papers`: its words, and what it prints."""
