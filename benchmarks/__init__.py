"""How many claims a second: one command, every figure from one run, so that only ratios travel between machines."""
