"""Feeds one target, guided by the coverage of our own code: ``python -m tests.faults.fuzz TARGET RUNS SEED``.

The fuzzer is atheris (libFuzzer in Python). It ends with another code than 0 when a target raised, took more
than ten seconds for one input, or needed more than 2 GB; the input is then written to a file that it names.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edge", "sync"], enable_loader_override=False):
    from tests.faults.fuzz import targets

_LONGEST = 4096
_SLOWEST_S = 10
_MOST_MB = 2048


def main() -> None:
    """Feed until the runs are over; libFuzzer ends the process."""
    name, runs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    target = targets.TARGETS[name]
    targets.quiet()
    corpus = Path(tempfile.mkdtemp(prefix="tuquan-corpus-"))
    for number, entry in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(entry)
    words = [
        sys.argv[0], f"-runs={runs}", f"-seed={seed}", f"-max_len={_LONGEST}", f"-timeout={_SLOWEST_S}",
        f"-rss_limit_mb={_MOST_MB}", "-print_final_stats=1", "-verbosity=0",
        f"-artifact_prefix={corpus}/bad-", str(corpus),
    ]  # fmt: skip
    atheris.Setup(words, target.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
