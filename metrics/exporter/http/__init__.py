"""What is asked for over HTTP, and by whom: /metrics, /api/v1 and the wall."""
