"""`python -m edge.cli`: the same as `tuquan`, where the script is not on PATH."""

from edge.cli import main

main()
