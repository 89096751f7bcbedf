"""OW-Forge-20: the reader of the generated set, and what says how hard it is."""
