"""Patients whose data arrives while the server runs: kept, read, predicted for, and shown as those of the run are."""
