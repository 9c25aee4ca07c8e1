"""A process that handles pictures gives back what it no longer needs; measured in a process of its own."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from threading import Thread
from edge.thrift import spare_memory

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

if sys.argv[1] == "spare":
    assert spare_memory()
bytearray(20_000_000)  # once freed, glibc takes it for the size of what is kept
def pictures():
    kept = [bytearray(900_000) for _ in range(20)]
    small = [bytearray(3000) for _ in range(10)]  # lie behind the pictures: an arena cannot shrink below
    del kept
    left.append(small)
left = []
before = resident_mb()
for _ in range(4):
    thread = Thread(target=pictures)
    thread.start()
    thread.join()
print(resident_mb() - before)
"""


def grown_mb(word):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word], check=True, capture_output=True, text=True, timeout=60
    )
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way of memory")
def test_pictures_that_are_gone_take_no_memory():
    """Twenty pictures in each of four threads, freed: next to nothing of their 18 MB each is left."""
    assert grown_mb("spare") < 3.0
