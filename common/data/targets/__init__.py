"""Data modules by what is known of a sample, where its modality alone does not say."""
