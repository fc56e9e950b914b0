"""How fast this machine is at best: float32 products of one core, and bytes to and from memory, measured where they are used.

No network reaches either. They turn counts of operations and bytes into the least time that a machine could need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx_bytes import matmul_model, negation_model
from timing import seconds_of, spent

GEMM_SIDES: Final = (256, 1024)
MEMORY_MIB: Final = 256
"""Far more than any cache holds."""
Providers = list[tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class DeviceSizes:
    """How large what is measured on a device is."""

    side: int
    kinds: tuple[str, ...]
    memory_mib: int


FULL: Final = DeviceSizes(8192, ("float32", "float16"), 512)
SMALL: Final = DeviceSizes(256, ("float32",), 8)


@dataclass(frozen=True)
class Peak:
    """What a floor is computed with."""

    gflops: float
    """10^9 floating point operations a second; a multiply-add is two."""
    memory_gb_s: float
    """10^9 bytes a second, read and written ones together."""
    numpy_gflops: float = float("nan")
    """The same as `gflops`, by numpy alone."""

    def least_ms(self, multiply_adds: float, moved_bytes: float) -> float:
        """The longer of what computing and what moving take: at best they go on at the same time."""
        return max(2 * multiply_adds / self.gflops, moved_bytes / self.memory_gb_s) / 1e6


def measure_core(least_s: float = 1.0) -> Peak:
    """One core, by products of square float32 matrices and by copying; start with one BLAS thread.

    The best of ONNX Runtime's and numpy's products counts: numpy's BLAS may not know the processor's widest instructions.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(matmul_model(), options, providers=["CPUExecutionProvider"])
    theirs, numpys = list[float](), list[float]()
    for side in GEMM_SIDES:
        a, b = (np.random.default_rng(seed).random((side, side), np.float32) for seed in (0, 1))
        product = np.empty_like(a)
        for runs, run in (
            (theirs, lambda: session.run(None, {"a": a, "b": b})),  # noqa: B023
            (numpys, lambda: np.matmul(a, b, out=product)),  # noqa: B023
        ):
            runs.append(2 * side**3 / spent(run, least_s / 2).cpu_s / 1e9)
    source = np.ones(MEMORY_MIB * 2**20, np.uint8)
    target = np.zeros_like(source)
    copy_s = spent(lambda: np.copyto(target, source), least_s).cpu_s
    return Peak(max(*theirs, *numpys), 2 * source.nbytes / copy_s / 1e9, max(numpys))


@dataclass(frozen=True)
class DevicePeak:
    """What a device that ONNX Runtime computes on does at best."""

    gflops: dict[str, float]
    """By element type; the provider may compute float32 with fewer bits (TF32), as it does for networks."""
    memory_gb_s: float
    bus_gb_s: tuple[float, float] | None
    """To the device and back, from ordinary memory; None where the device computes from the processor's."""


def measure_device(providers: Providers, memory: str, index: int, sizes: DeviceSizes) -> DevicePeak:
    """Products of square matrices and a negation that stay in the device's memory, and copies there and back."""
    gflops = {kind: _products(providers, memory, index, kind, sizes.side) for kind in sizes.kinds}
    values = np.ones((sizes.memory_mib * 2**18 // 1024, 1024), np.float32)
    run, bound = _bound(negation_model(), providers, memory, index, {"a": values})
    negation_s, _ = seconds_of(run)
    del bound
    moved = 2 * values.nbytes / negation_s / 1e9
    if memory == "cpu":
        return DevicePeak(gflops, moved, None)
    on_device = ort.OrtValue.ortvalue_from_numpy(values, memory, index)
    to_s, _ = seconds_of(lambda: ort.OrtValue.ortvalue_from_numpy(values, memory, index))
    from_s, _ = seconds_of(on_device.numpy)
    return DevicePeak(gflops, moved, (values.nbytes / to_s / 1e9, values.nbytes / from_s / 1e9))


def _products(providers: Providers, memory: str, index: int, kind: str, side: int) -> float:
    """GFLOP/s."""
    rng = np.random.default_rng(0)
    operands = {name: rng.random((side, side), np.float32).astype(kind) for name in "ab"}
    run, bound = _bound(matmul_model(kind), providers, memory, index, operands)
    seconds, _ = seconds_of(run)
    row = bound.copy_outputs_to_cpu()[0][0]
    expected = operands["a"][0].astype(np.float64) @ operands["b"].astype(np.float64)
    if not np.allclose(row, expected, rtol=2e-2):
        raise ArithmeticError("The product of two matrices is wrong on this device.")
    return 2 * side**3 / seconds / 1e9


def _bound(
    model: bytes, providers: Providers, memory: str, index: int, operands: dict[str, NDArray[np.floating]]
) -> tuple[Callable[[], None], ort.IOBinding]:
    """A run of a model whose tensors are and stay on the device, and its binding."""
    session = ort.InferenceSession(model, providers=providers)
    bound = session.io_binding()
    for name, operand in operands.items():
        bound.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(operand, memory, index))
    bound.bind_output("c", memory, index)

    def run() -> None:
        session.run_with_iobinding(bound)
        bound.synchronize_outputs()

    return run, bound
