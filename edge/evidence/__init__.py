"""What is kept of what was seen: a thumbnail at once, a clip on the node, and proof that it is unchanged.

Importing the package imports nothing: the configuration needs its settings only, and libav is large.
"""
