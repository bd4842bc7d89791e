"""Who may read: users of a web config, those whom a single-sign-on proxy names, or this machine alone."""
