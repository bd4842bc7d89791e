"""What Grafana needs besides files: the playlist of the wall, which it can take only over its API."""
