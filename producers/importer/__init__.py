"""History from files: every good line is published once, every bad one is kept with its reason."""
