"""A few training steps of a setting, stored: they tell whether a change of code moves numbers."""
