"""Loops of our own where PyTorch would pass over memory several times or call many operators: compiled by Numba, for CPUs, inference only."""
