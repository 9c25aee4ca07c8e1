"""Faults that only a machine of its own can have: cut power, set clocks, lossy lines, disks that break."""
