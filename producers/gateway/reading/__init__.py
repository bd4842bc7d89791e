"""What a request says: its parameters, its body, its events, and what in them is unknown."""
