"""Runs whose tensors stay on the device: what goes in is copied there once, what comes out is brought back when asked for.

An `OrtValue` of one network's run is another's input, whatever session made it; `.numpy()` copies a value back. On the CPU
provider (and on CoreML and OpenVINO, which take and give memory of the CPU) everything here does the same without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .providers import Choice, session_errors

_MEMORY = {"cuda": "cuda", "tensorrt": "cuda", "directml": "dml"}
"""Names of ONNX Runtime for the memory of a device; every other device computes from the CPU's."""
_GRAPH = "gpu_graph_id"
_NO_GRAPH = "-1"
_numbers = count(1)


def memory_of(choice: Choice) -> tuple[str, int]:
    """The kind of memory (cpu, cuda or dml) that tensors of a device are kept in, and the number of the device."""
    kind = _MEMORY.get(choice.device, "cpu")
    return (kind, choice.index) if kind != "cpu" and _can_be_had(kind, choice.index) else ("cpu", 0)


@cache
def _can_be_had(kind: str, index: int) -> bool:
    """Whether this build of ONNX Runtime gives Python memory of that kind: DirectML's builds did not always."""
    try:
        ort.OrtValue.ortvalue_from_shape_and_type([1], np.float32, kind, index)
    except session_errors():
        return False
    return True


def on_device(array: NDArray[Any], choice: Choice) -> ort.OrtValue:
    """The array in the memory of the device: one copy to it.

    On the CPU the value *is* the array's memory where that is contiguous: do not write there while the value is in use.
    """
    kind, index = memory_of(choice)
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), kind, index)


def room_on_device(shape: Sequence[int], dtype: Any, choice: Choice) -> ort.OrtValue:
    """Memory of a tensor on the device, its values undefined: for inputs written again and again, and for outputs."""
    kind, index = memory_of(choice)
    return ort.OrtValue.ortvalue_from_shape_and_type(list(shape), dtype, kind, index)


def run_bound(
    session: ort.InferenceSession,
    feed: Mapping[str, ort.OrtValue],
    names: Sequence[str],
    choice: Choice,
    into: Mapping[str, ort.OrtValue] | None = None,
) -> dict[str, ort.OrtValue]:
    """Compute the outputs `names` from values on the device; they stay there.

    ``into`` gives some of them memory that exists already (`room_on_device`, of exactly their shape and type): nothing is
    then allocated for them. Returns when the device has computed. Several threads may call it at
    once.
    """
    binding = _bind(session, feed, names, choice, into or {})
    session.run_with_iobinding(binding)
    return dict(zip(names, binding.get_outputs(), strict=True))


def _bind(
    session: ort.InferenceSession,
    feed: Mapping[str, ort.OrtValue],
    names: Sequence[str],
    choice: Choice,
    into: Mapping[str, ort.OrtValue],
) -> ort.IOBinding:
    binding = session.io_binding()
    for name, value in feed.items():
        binding.bind_ortvalue_input(name, value)
    for name in names:
        if name in into:
            binding.bind_ortvalue_output(name, into[name])
        else:
            binding.bind_output(name, *memory_of(choice))
    return binding


class FixedRun:
    """One network at one set of shapes, its inputs and outputs always at the same addresses.

    What a CUDA graph asks for: with a session opened with ``fixed=True`` the first `run` records one and the following ones
    replay it, a single launch instead of one for each operator. Elsewhere it saves the allocations. For one thread only:
    ONNX Runtime keeps a graph with the thread that recorded it, and no other thread may use the GPU while it records.
    """

    def __init__(
        self, session: ort.InferenceSession, example: Mapping[str, NDArray[Any]], names: Sequence[str], choice: Choice
    ) -> None:
        """``example`` gives shapes and types, and the values of the first run, which finds the shapes of the outputs."""
        self._session = session
        self.inputs = {name: room_on_device(array.shape, array.dtype, choice) for name, array in example.items()}
        """Where `run` computes from: other runs may write here (`run_bound`'s ``into``)."""
        self.write(example)
        first = _bind(session, self.inputs, names, choice, {})
        session.run_with_iobinding(first, _graph(_NO_GRAPH))
        self.outputs = dict(zip(names, first.get_outputs(), strict=True))
        """Where `run` writes to, each time anew."""
        self._binding = _bind(session, self.inputs, names, choice, self.outputs)
        self._options = _graph(str(next(_numbers)))

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Copy arrays over the inputs of these names; the others keep their values."""
        for name, array in arrays.items():
            self.inputs[name].update_inplace(np.ascontiguousarray(array))

    def run(self, arrays: Mapping[str, NDArray[Any]] | None = None) -> dict[str, ort.OrtValue]:
        """Compute, from `arrays` where given. The next run overwrites the values, and on the CPU their `.numpy()` too."""
        self.write(arrays or {})
        self._session.run_with_iobinding(self._binding, self._options)
        return self.outputs


def _graph(number: str) -> ort.RunOptions:
    """Options of a run: the number of the CUDA graph that it records or replays."""
    options = ort.RunOptions()
    options.add_run_config_entry(_GRAPH, number)
    return options
