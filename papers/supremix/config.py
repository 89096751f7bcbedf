"""The ``method:`` section of SupReMix. Imports no torch."""

BETA_OPTIONS = ((2, 8), (8, 2), (5, 5))
