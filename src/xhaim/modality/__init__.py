"""A modality as numbers or as words."""
