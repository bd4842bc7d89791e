"""The standing audit: the ledger's sums, which are a definition of their own, held against the view all the time.

Nothing here recomputes: what the index holds is compared with what Redis holds, as of the same record of each
partition. So it costs little, and says within minutes what `sales-pulse audit` says after reading the whole log.
"""
