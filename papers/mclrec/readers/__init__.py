"""The generated sessions of `quick`."""
