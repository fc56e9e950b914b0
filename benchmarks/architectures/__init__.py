"""Networks whose weights cannot be passed on, rebuilt with random weights: the same layers, sizes and work, no picture worth
looking at.
"""
