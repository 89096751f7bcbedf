"""The generated digits that only SepCLR needs."""
