"""Dead letters: what could not be used of events and reference data, why, and what became of it since."""
