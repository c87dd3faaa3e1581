"""Weights in 8 and 4 bits: kernels, linear layers on them, the plan that says which layer bears what, and the stored
form.
"""
