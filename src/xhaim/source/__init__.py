"""Records in, a MEDS store out."""
