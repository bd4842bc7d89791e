"""One portal, connected: the webhook, the tasks beside it, and whether it can be connected at all."""
