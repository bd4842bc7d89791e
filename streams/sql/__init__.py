"""The tables in PostgreSQL that people ask by SQL: a copy of the ledger's index, kept up beside it."""
