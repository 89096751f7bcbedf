"""Images: sets, batched views, and the data module five papers share."""
