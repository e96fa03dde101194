"""Step 2: cited sentences of each modality that fit the encoder (paper section 4)."""
