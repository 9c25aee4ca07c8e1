"""The exceptions of the evaluation.

The tree::

    EdgeError
    └── EvaluateError (also ValueError)   a labelled set that cannot be used, with file, line and remedy
"""

from __future__ import annotations

from edge.errors import EdgeError


class EvaluateError(EdgeError, ValueError):
    """A labelled set that cannot be used; the sentence says where and what would be right."""
