"""Two convolutions and a linear layer that keep places: for generated scenes of 32 pixels."""
