"""Adapters to systems that do not speak the contract themselves."""
