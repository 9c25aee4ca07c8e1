"""What the world says: panic button, smoke detector, tamper loop, camera frames, as readings.

Here are the names that everyone needs and that cost nothing to import. The devices live in their own modules
(`sensors.button`, `sensors.smoke`, `sensors.tamper`, `sensors.lamps`, `sensors.camera`, `sensors.feed`), so
that a process loads gpiozero, numpy and libav only where it uses them.
"""

from sensors.errors import (
    CameraError,
    CameraLost,
    CameraTimeout,
    CameraUnavailable,
    EndOfStream,
    PinProblem,
    SensorsError,
    SimulatorProblem,
)
from sensors.readings import Emit, Reading, Sensor, Source, State

__all__ = [
    "CameraError",
    "CameraLost",
    "CameraTimeout",
    "CameraUnavailable",
    "Emit",
    "EndOfStream",
    "PinProblem",
    "Reading",
    "Sensor",
    "SensorsError",
    "SimulatorProblem",
    "Source",
    "State",
]
