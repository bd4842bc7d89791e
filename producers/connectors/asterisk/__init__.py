"""Asterisk's queue log and call records made into call events, with the time that callers really waited."""
