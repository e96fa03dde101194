"""Step 4: measured, verified, cited explanations (paper section 4, Explanation Generation)."""
