"""Readers: files of one form made into the arrays that the data module takes."""
