"""The generated digits of `quick`, `digits-few` and `digits-imbalanced`."""
