"""Model checkers of the protocols, and searches for counterexamples; `make prove` runs them whole."""
