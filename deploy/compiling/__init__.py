"""Machine code of the worker's hot modules: which they are, and the wheel that holds it."""
