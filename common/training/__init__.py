"""Training as numbers: build, fit and measure; what records and shows a run is not here."""
