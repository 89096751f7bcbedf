"""What is wrong with a run, by a few measurements of its encoder, its batches and its loss."""
