"""Owns how a process leaves a mark for another in the runtime directory: a file whose time is all it says."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)


def touch(path: Path) -> bool:
    """Set a file's time to now, and make it where there is none, for the user whose folder it is.

    Some commands run as root where the configuration is root's; what they leave in the node's folder
    must not be in the node's way later, nor may a link there lead it elsewhere.

    Returns:
        Whether it worked.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        handle = os.open(path, flags, 0o660)
        try:
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(handle, owner.st_uid, owner.st_gid)
            os.utime(handle)
        finally:
            os.close(handle)
    except OSError as error:
        _log.debug("%s cannot be touched: %s", path, error)
        return False
    return True
