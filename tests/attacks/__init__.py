"""Attacks on running processes: pytest -m attack."""
