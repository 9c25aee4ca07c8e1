"""Generates what people read about the node from what the code says: schemas, AsyncAPI, configuration.

``python -m edge.describe`` writes the files, ``python -m edge.describe --check`` fails where one differs from
what it would write. Only developers run this; a node never imports it, nor pydantic, which it needs.
"""
