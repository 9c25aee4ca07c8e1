"""How a node takes up a new configuration: both processes end in order, and whoever started them starts anew.

Nothing is changed while it runs; whoever asks while a process starts is heard too (`edge.takeup`). The alarm
process, which is told, ends with `EXIT_RELOAD`; the vision process sees by a stamp in the runtime directory
that it is meant too. systemd (`Restart=always`) and `tuquan run` bring both back.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from edge.touch import touch

EXIT_RELOAD: Final = 75
"""EX_TEMPFAIL of sysexits(3): no failure, start me again."""
_STAMP: Final = "reload"

_log = logging.getLogger(__name__)


def ask_reload(runtime_directory: Path) -> bool:
    """Have the vision process start anew: the stamp is read by nobody else.

    Alone it is enough where only what concerns the picture was changed; buttons, lamps and uplink go on as
    they are. The alarm process, which ends too where more was changed, asks in the same way.

    Returns:
        Whether it could be asked; a warning says so where not.
    """
    asked = touch(runtime_directory / _STAMP)
    if not asked:
        _log.warning("the vision process cannot be told to start anew")
    return asked


class ReloadWatch:
    """Tells a process that it is meant to start anew since this was made.

    Args:
        runtime_directory: What the node's processes share.
    """

    def __init__(self, runtime_directory: Path) -> None:
        self._stamp = runtime_directory / _STAMP
        self._before_ns = self._changed_ns()

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._changed_ns() != self._before_ns

    def _changed_ns(self) -> int:
        try:
            return self._stamp.stat().st_mtime_ns
        except OSError:
            return 0
