"""Data modules, one a modality, and the data sets they read."""
