"""The keeper of one user-mode Linux: kills it with everything that belongs to it, and leaves nothing behind.

Run as ``python -I -S guard.py COMMAND…``; prints nothing. The kernel lives in a process group of its own.
When standard input ends (because whoever started it closed it, or died), the whole group gets SIGKILL at
once: that is the power cut. What the group's processes leave to be reaped is reaped here.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys

_PR_SET_CHILD_SUBREAPER = 36  # include/uapi/linux/prctl.h


def main() -> int:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    machine = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, process_group=0)
    os.close(1)  # its console ends when it does
    ended = os.pidfd_open(machine.pid)
    select.select([0, ended], [], [])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(machine.pid, signal.SIGKILL)
    code = machine.wait()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return code & 0xFF


if __name__ == "__main__":
    sys.exit(main())
