"""Samples whose labels are numbers: tables, pictures, windows of series; views in batches."""
