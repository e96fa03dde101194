"""A run directory: stages, shards, resume, and the pipeline that reads like the paper."""
