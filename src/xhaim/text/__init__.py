"""Clinical English by short rules: sentences, sections, negation and uncertainty."""
