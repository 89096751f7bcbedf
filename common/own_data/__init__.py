"""Plans a run on data of the user's own from their path: what they are, and what fits them."""
