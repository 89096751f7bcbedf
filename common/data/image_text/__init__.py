"""Images with texts."""
