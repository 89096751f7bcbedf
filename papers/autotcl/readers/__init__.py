"""The generated series of `quick`."""
