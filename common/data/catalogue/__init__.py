"""The catalogue of real data sets: where each comes from, how it is prepared and checked."""
