"""The generated graphs of `quick` and of training on samples."""
