"""What workers show in Redis: the view, reference data, and what senders may know."""
