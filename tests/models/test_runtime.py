"""Both interpreters behind one adapter: the same contract, on whichever is installed."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from models.errors import InferenceError, ModelDamaged, ModelMismatch, ModelMissing, RuntimeMissing
from models.runtime import (
    RUNTIMES,
    check_tensors,
    installed_runtimes,
    open_interpreter,
    require_tensors,
)

PICTURE = np.zeros((1, 4, 6, 3), np.uint8)


@pytest.fixture
def model(tiny, tmp_path):
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny.content)
    return path


def without(monkeypatch, *names):
    for name in names:
        for module in [m for m in sys.modules if m.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, name, None)


def test_a_model_opens_and_tells_its_tensors(model, tiny, runtime):
    """Inputs and outputs are named with shape and element type, as the manifest writes them."""
    interpreter = open_interpreter(model, 2, runtime)
    assert interpreter.runtime == runtime
    assert str(interpreter.inputs[0]) == "uint8[1, 4, 6, 3]"
    assert tuple(info.shape for info in interpreter.outputs) == tiny.spec.output.shapes
    require_tensors(interpreter, tiny.spec)


def test_a_model_runs_and_its_answers_are_copies(model, runtime):
    """Running returns the outputs in order; a second run does not change what the first returned."""
    interpreter = open_interpreter(model, 1, runtime)
    first = interpreter.run(PICTURE)
    first[2][:] = 7
    second = interpreter.run(PICTURE)
    assert second[2][0, 0] == pytest.approx(0.875)
    assert first[2][0, 0] == 7


@pytest.mark.parametrize(
    "tensor", [np.zeros((1, 5, 6, 3), np.uint8), np.zeros((1, 4, 6, 3), np.float32), np.zeros(3, np.uint8)]
)
def test_a_tensor_that_does_not_fit_is_refused(model, runtime, tensor):
    """Another shape or element type is an inference error, not a crash or silent rubbish."""
    with pytest.raises(InferenceError, match=runtime):
        open_interpreter(model, 1, runtime).run(tensor)


SPOILT = {
    "empty": lambda _: b"",
    "a web page": lambda _: b"<html>" * 1000,
    "random bytes": lambda _: random.Random(1).randbytes(50_000),
    "cut in half": lambda content: content[: len(content) // 2],
    "only the magic": lambda content: content[:8] + random.Random(2).randbytes(5000),
    "overwritten tail": lambda content: content[:-600] + random.Random(3).randbytes(600),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_corrupt_file_is_an_error_and_never_a_crash(tiny, tmp_path, runtime, kind):
    """Files that crash an unchecked interpreter are refused with a sentence that names them."""
    path = tmp_path / "bad.tflite"
    path.write_bytes(SPOILT[kind](tiny.content))
    with pytest.raises(ModelDamaged, match=r"bad\.tflite"):
        open_interpreter(path, 1, runtime)


def test_a_missing_file_is_told(tmp_path, runtime):
    """There is no file: the message names it."""
    with pytest.raises(ModelMissing, match=r"gone\.tflite"):
        open_interpreter(tmp_path / "gone.tflite", 1, runtime)


def test_other_tensors_are_told_with_both_sides(make_model, tiny, tmp_path, runtime):
    """A model with another input says what it takes and what the manifest says."""
    path = tmp_path / "other.tflite"
    path.write_bytes(make_model([[[[0.1, 0.2, 0.7, 0.6]]], [[0]], [[0.5]], [1]], width=8, dtype="float32"))
    with pytest.raises(
        ModelMismatch, match=r"takes float32\[1, 4, 8, 3\]; the manifest says uint8\[1, 4, 6, 3\]"
    ):
        check_tensors(path, tiny.spec, runtime)


def test_auto_prefers_the_current_runtime(model):
    """Where both are installed, auto takes the first of the list."""
    pytest.importorskip("ai_edge_litert.interpreter")
    assert RUNTIMES[0] == "ai_edge_litert"
    assert open_interpreter(model).runtime == "ai_edge_litert"


def test_auto_falls_back_to_the_other_runtime(model, monkeypatch):
    """Where the preferred one cannot be imported, the other one is used."""
    pytest.importorskip("tflite_runtime.interpreter")
    without(monkeypatch, "ai_edge_litert")
    assert open_interpreter(model).runtime == "tflite_runtime"


def test_a_machine_without_a_runtime_is_told_what_to_install(model, monkeypatch):
    """The message names what was tried and what to install."""
    without(monkeypatch, *RUNTIMES)
    with pytest.raises(RuntimeMissing, match=r"ai_edge_litert.*tflite_runtime.*Install ai-edge-litert"):
        open_interpreter(model)


def test_the_old_runtime_is_not_tried_with_a_numpy_that_kills_it(model, monkeypatch):
    """tflite_runtime crashes with numpy 2, so it is refused in words before it is imported."""
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(RuntimeMissing, match=r"built for numpy 1 and numpy 2\.1\.0"):
        open_interpreter(model, runtime="tflite_runtime")


@pytest.mark.parametrize(("threads", "name"), [(0, "auto"), (1, "tensorflow")])
def test_values_out_of_range_are_refused(model, threads, name):
    """No threads, and a runtime that nobody knows, are the caller's mistakes."""
    with pytest.raises(ValueError, match=r"threads must|runtime must"):
        open_interpreter(model, threads, name)


def test_installed_runtimes_are_listed_with_versions(runtime):
    """A report can say which interpreters there are without loading them."""
    assert installed_runtimes()[runtime].count(".") >= 1
