"""Engines that people would pick instead, each doing the same work on the same bytes."""
