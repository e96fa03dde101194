"""Step 3: fine-tuned text embeddings, tables and time series into a calibrated risk (paper section 4)."""
