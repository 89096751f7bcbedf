"""Packers: each turns the original files of a set into the files of the data root."""
