"""Data modules, one a modality or a target, and the data sets they read."""
