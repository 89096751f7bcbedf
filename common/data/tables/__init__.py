"""Tables: rows of numbers, a column each."""
