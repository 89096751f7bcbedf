"""Run records, what they say of reported numbers and claims, and whether code still gives them."""
