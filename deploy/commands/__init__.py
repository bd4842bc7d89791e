"""One module per `sales-pulse` command."""
