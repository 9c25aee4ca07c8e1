"""The TFLite interpreter, whichever package brings it.

This module owns the choice between ``ai_edge_litert`` (Google's current runtime, 64-bit machines) and
``tflite_runtime`` (its predecessor, which still has wheels for a 32-bit Pi) and the one adapter over both.
Above it nobody knows which of them runs.

``tflite_runtime`` does not check a file before it walks through it and dies of a segmentation fault on a
damaged one. A file whose hash was not compared is therefore opened in a child process first. Damage in places
where it does not look it takes no notice of; only the hash finds that.

Both print one ``INFO`` line to the standard error stream when they open a model. It comes from native code
and is left alone: to hide it, the whole process's stream would have to be bent aside while others write.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import InferenceError, ModelDamaged, ModelMismatch, ModelMissing, RuntimeMissing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from models.manifest import ModelSpec

RUNTIMES = ("ai_edge_litert", "tflite_runtime")
"""Import names, the preferred one first."""

_PROBE_TIMEOUT_S = 60
_PROBE = """
import sys
from tflite_runtime.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
interpreter.invoke()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One of a model's inputs or outputs."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


class Interpreter:
    """An opened model. One thread at a time may call `run`; it releases the interpreter lock meanwhile.

    Attributes:
        runtime: The package that runs it, one of `RUNTIMES`.
        inputs: Its inputs.
        outputs: Its outputs, in the order in which `run` returns them.
    """

    def __init__(self, raw: Any, runtime: str) -> None:
        self.runtime = runtime
        self._raw = raw
        self._input_index: int = raw.get_input_details()[0]["index"]
        self._output_indices = tuple(int(detail["index"]) for detail in raw.get_output_details())
        self.inputs = tuple(map(_info, raw.get_input_details()))
        self.outputs = tuple(map(_info, raw.get_output_details()))

    def run(self, tensor: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Run the model once.

        Args:
            tensor: The first input; shape and element type as in ``inputs[0]``.

        Returns:
            Copies of the outputs, in their own order.

        Raises:
            InferenceError: The tensor does not fit, or the runtime failed.
        """
        try:
            self._raw.set_tensor(self._input_index, tensor)
            self._raw.invoke()
            return tuple(self._raw.get_tensor(index) for index in self._output_indices)
        except (ValueError, RuntimeError) as problem:
            raise InferenceError(f"{self.runtime} could not run the model: {problem}.") from problem


def open_interpreter(
    path: Path, threads: int = 1, runtime: str = "auto", *, trusted: bool = False
) -> Interpreter:
    """Open a model file.

    Args:
        path: The file. It stays mapped into memory as long as the interpreter lives.
        threads: For the model's own computations, at least 1.
        runtime: One of `RUNTIMES`, or ``auto`` for the first that can be imported.
        trusted: The file's hash was compared, so that it need not be tried out in a child process.

    Raises:
        RuntimeMissing: That runtime, or with ``auto`` each of them, cannot be imported.
        ModelMissing: There is no such file.
        ModelDamaged: The runtime does not accept it as a model.
        ValueError: ``threads`` or ``runtime`` is out of range.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    name, factory = _import_runtime(runtime)
    if not path.is_file():
        raise ModelMissing(f"There is no model file at {path}.")
    if name == "tflite_runtime" and not trusted:
        _probe(path)
    try:
        raw = factory(model_path=str(path), num_threads=threads)
        raw.allocate_tensors()
    except (
        ValueError,
        RuntimeError,
    ) as problem:  # UnicodeDecodeError, from a garbled message, is a ValueError
        raise ModelDamaged(
            f"{name} does not accept {path} as a model: {_first_line(str(problem))}."
        ) from problem
    return Interpreter(raw, name)


def check_tensors(path: Path, spec: ModelSpec, runtime: str = "auto") -> None:
    """Open a model and compare its tensors with the manifest's.

    Raises:
        ModelMismatch: It has other inputs or outputs.
        RuntimeMissing, ModelMissing, ModelDamaged: As from `open_interpreter`.
    """
    require_tensors(open_interpreter(path, runtime=runtime), spec)


def require_tensors(interpreter: Interpreter, spec: ModelSpec) -> None:
    """Compare an opened model's tensors with the manifest's.

    Raises:
        ModelMismatch: They differ.
    """
    remedy = "It is another model: correct the manifest's entry, or use the file that the entry describes."
    wanted_inputs = [f"{spec.input.dtype}{list(spec.input.shape)}"]
    wanted_outputs = [f"float32{list(shape)}" for shape in spec.output.shapes]
    for side, found, wanted in (
        ("takes", [str(info) for info in interpreter.inputs], wanted_inputs),
        ("answers", [str(info) for info in interpreter.outputs], wanted_outputs),
    ):
        if found != wanted:
            differ = f"{side} {', '.join(found)}; the manifest says {', '.join(wanted)}"
            raise ModelMismatch(f"The model {spec.name} {differ}. {remedy}")


def installed_runtimes() -> dict[str, str]:
    """The runtimes that are installed, with their versions, without importing them."""
    found = {}
    for name in RUNTIMES:
        try:
            found[name] = metadata.version(name.replace("_", "-"))
        except metadata.PackageNotFoundError:
            continue
    return found


def _import_runtime(runtime: str) -> tuple[str, Any]:
    if runtime != "auto" and runtime not in RUNTIMES:
        raise ValueError(f"runtime must be auto, {' or '.join(RUNTIMES)}, not {runtime!r}")
    names = RUNTIMES if runtime == "auto" else (runtime,)
    reasons = []
    for name in names:
        try:
            return name, _interpreter_class(name)
        except (ImportError, OSError) as problem:
            reasons.append(f"{name}: {_first_line(str(problem))}")
    remedy = "Install ai-edge-litert; on a 32-bit Raspberry Pi OS, tflite-runtime with numpy below 2."
    raise RuntimeMissing(f"No TFLite interpreter can be used ({'; '.join(reasons)}). {remedy}")


def _interpreter_class(name: str) -> Any:
    if name == "tflite_runtime" and int(np.__version__.split(".")[0]) >= 2:
        raise ImportError(f"it was built for numpy 1 and numpy {np.__version__} is installed")
    return importlib.import_module(f"{name}.interpreter").Interpreter


def _probe(path: Path) -> None:
    """Open and run the model in a child process, which may die of it."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelDamaged(f"tflite_runtime did not end with {path} within {_PROBE_TIMEOUT_S} s.") from None
    if done.returncode < 0:
        raise ModelDamaged(f"{path} is no intact model: tflite_runtime crashed on it, in a child process.")
    if done.returncode > 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ModelDamaged(f"tflite_runtime does not accept {path} as a model: {' '.join(last)}.")


def _info(detail: dict[str, Any]) -> TensorInfo:
    return TensorInfo(
        name=str(detail["name"]),
        shape=tuple(int(side) for side in detail["shape"]),
        dtype=np.dtype(detail["dtype"]).name,
    )


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0].rstrip(".")
