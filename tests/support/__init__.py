"""What several tests share: servers to talk to."""
