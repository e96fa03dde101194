"""Step 1: find the task-relevant evidence (paper section 4, Finding Relevant Chunks)."""
