"""Heterogeneous graphs: readers, meta-paths and the data module of the graph papers."""
