"""A real node, a real broker and a real station, and everything that may befall them.

`python -m tests.faults` runs the long form, `make soak` the same; the tests here run each scenario for a
short while.
"""
