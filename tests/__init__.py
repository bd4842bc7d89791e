"""Tests; a package so that `tests.support` is found in this repository and nowhere else."""
