"""The node that looks at a labelled recording: the sections a recording brings, the rest as a node has it.

Owns what an evaluation fills in where nobody cares: a name, a place, a broker that is never asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edge.checks import cross_problems
from edge.config import NodeConfig
from edge.errors import ConfigError
from edge.settings import read

RATE_FPS: Final = 5.0
"""How many frames a second a node looks at, as its camera section has it."""
SECTIONS: Final = frozenset(
    {"camera", "camera_view", "detector", "motion", "tracker", "zone", "line", "rule", "mask"}
)
"""What of a node.toml has to do with seeing."""
_REST: Final[dict[str, Any]] = {
    "node": {
        "commune": "phuong-thu-nghiem",
        "name": "danh-gia",
        "place": "-",
        "latitude": 10.77,
        "longitude": 106.69,
        "status": "Test",
    },
    "broker": [{"host": "localhost"}],
}


def node(sections: Mapping[str, Any], file: Path, *, models: Path) -> NodeConfig:
    """The configuration that some sections make.

    Args:
        sections: As ``tomllib`` returns them, by their names.
        file: Where they come from, for errors; relative paths are relative to its folder.
        models: The folder with the detection models, where the sections do not name one.

    Raises:
        ConfigError: They cannot be used; it carries every problem.
    """
    whole = {**_REST, **sections}
    whole["camera"] = {"name": "camera", "source": f"file:{file.name}", **whole.get("camera", {})}
    whole["detector"] = {"directory": str(models.absolute()), **whole.get("detector", {})}
    config, problems = read(NodeConfig, whole, folder=file.absolute().parent)
    problems += cross_problems(config, {problem.path for problem in problems})
    wrong = [problem for problem in problems if not problem.warning]
    if wrong:
        raise ConfigError(file, wrong)
    return config
