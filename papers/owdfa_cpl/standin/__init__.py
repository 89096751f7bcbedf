"""OW-Forge-20: a stand-in for a benchmark whose pictures are given on request only."""
