"""Item sequences: reading, splitting, views in batches, generated sessions."""
