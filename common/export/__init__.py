"""What a finished run leaves for others: weights for a library, folders, tables."""
