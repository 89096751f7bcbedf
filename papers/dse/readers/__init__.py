"""The generated pairs of `quick`."""
