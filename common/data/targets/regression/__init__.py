"""Samples whose labels are numbers: tables, images, windows of series; views in batches."""
