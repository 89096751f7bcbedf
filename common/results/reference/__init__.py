"""Our functions on reference values of what is no paper: a file for each folder of cases."""

# What has reference values and is no paper.
PARTS = ("image_text", "text_modality", "tip_clip")
