"""People's scores: a blinded sample of explanations, a form for the keyboard, and what came of it."""
