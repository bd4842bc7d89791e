"""What outlives a process: the changelog of a partition, reading it back, copies on disk, and whose they are."""
