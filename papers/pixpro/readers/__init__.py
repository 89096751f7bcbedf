"""The generated scenes of `quick`."""
