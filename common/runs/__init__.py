"""Run folders, and what composes a fit with its record and tracker."""
