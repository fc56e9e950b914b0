"""How fast this machine is at best: float32 products of one core, and bytes to and from memory, measured where they are used.

No network reaches either. They turn counts of operations and bytes into the least time that a machine could need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx_bytes import matmul_model
from timing import seconds_of, spent

GEMM_SIDE: Final = 1024
MEMORY_MIB: Final = 256
"""Far more than any cache holds."""
DEVICE_SIDES: Final = {"float32": 8192, "float16": 8192}
DEVICE_SIDES_SMALL: Final = {"float32": 256}


@dataclass(frozen=True)
class Peak:
    """What a floor is computed with."""

    gflops: float
    """10^9 floating point operations a second; a multiply-add is two."""
    memory_gb_s: float
    """10^9 bytes a second, read and written ones together."""

    def least_ms(self, multiply_adds: float, moved_bytes: float) -> float:
        """The longer of what computing and what moving take: at best they go on at the same time."""
        return max(2 * multiply_adds / self.gflops, moved_bytes / self.memory_gb_s) / 1e6


def measure_core(least_s: float = 1.0) -> Peak:
    """One core, by a product of two square float32 matrices and by copying; start with one BLAS thread."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((GEMM_SIDE, GEMM_SIDE), np.float32) for _ in range(2))
    product = np.empty_like(a)
    gemm_s = spent(lambda: np.matmul(a, b, out=product), least_s).cpu_s
    source = np.ones(MEMORY_MIB * 2**20, np.uint8)
    target = np.zeros_like(source)
    copy_s = spent(lambda: np.copyto(target, source), least_s).cpu_s
    return Peak(2 * GEMM_SIDE**3 / gemm_s / 1e9, 2 * source.nbytes / copy_s / 1e9)


def measure_products(providers: list[object], kind: str, side: int) -> float:
    """GFLOP/s of one square product that ONNX Runtime computes with these providers; the operands stay on the device."""
    import onnxruntime as ort

    session = ort.InferenceSession(matmul_model(kind), providers=providers)
    device = "cuda" if "CUDA" in session.get_providers()[0] else "cpu"
    rng = np.random.default_rng(0)
    operands = [rng.random((side, side), np.float32).astype(kind) for _ in range(2)]
    bound = session.io_binding()
    for name, operand in zip("ab", operands, strict=True):
        bound.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(operand, device, 0))
    bound.bind_output("c", device)

    def run() -> None:
        session.run_with_iobinding(bound)
        bound.synchronize_outputs()

    seconds, _ = seconds_of(run)
    _check(bound.copy_outputs_to_cpu()[0], operands)
    return 2 * side**3 / seconds / 1e9


def _check(product: NDArray[np.floating], operands: list[NDArray[np.floating]]) -> None:
    """A device that does not compute is not fast."""
    expected = operands[0][0].astype(np.float64) @ operands[1].astype(np.float64)
    if not np.allclose(product[0], expected, rtol=2e-2):
        raise ArithmeticError("The product of two matrices is wrong on this device.")
