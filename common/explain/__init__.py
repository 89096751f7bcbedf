"""Which words, items, steps or patches carry a similarity or a prediction of a trained encoder."""
