"""Run records and the table made from them."""
