"""The pages for clinicians and annotators, and the doors for other systems: everything from stored results."""
