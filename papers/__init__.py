"""The papers: one folder each, importing only `common`."""
