"""Which samples, when, labelled how, and what was known then."""
