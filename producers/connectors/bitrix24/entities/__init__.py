"""From what the portal says of one entity to events."""
