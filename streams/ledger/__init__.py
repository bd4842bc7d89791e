"""The ledger: the plain definition kept live in an index on disk, so that "why this number" is a look-up.

It follows the log by itself and never feeds the walls: without it numbers stay, and explanations say 503.
"""
