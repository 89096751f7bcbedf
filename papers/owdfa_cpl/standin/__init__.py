"""OW-Forge-20: a stand-in for a benchmark whose images are given on request only.

It is no reader, though it makes data: the set's hash is of its settings and not of its pixels, so
that the code digest must cover what makes them.
"""
