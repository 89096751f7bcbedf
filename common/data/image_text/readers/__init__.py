"""Files and generators of images with texts."""
