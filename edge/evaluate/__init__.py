"""How well the node sees: labelled recordings, the node's own way of a frame over them, and figures.

`folder` reads labelled recordings (and `mot`, `coco` those of others), `run` lets the node look at them, and
`measure` compares what it said with what is true; `stress` makes hard recordings from code.
"""
