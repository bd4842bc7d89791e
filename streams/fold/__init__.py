"""The pure fold: what each type of event does to its client's state and to the sums. No clock, no I/O."""
