"""A network of face crops on a device: asked about several frames at once where its file allows that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...networks.bound import run_bound
from . import matrices
from .chain import Chain, Floats

_TYPES: Final = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


class DeviceNetwork:
    """A network that takes pictures (N, 3, S, S), and perhaps something else, and gives pictures of the same size first.

    Published files are often for one picture; these are asked one by one, from memory of the device all the same.
    """

    def __init__(
        self,
        session: ort.InferenceSession,
        chain: Chain,
        size: int,
        seen: tuple[float, float] = (1.0, 0.0),
        shown: tuple[float, float] = (1.0, 0.0),
        bounds: tuple[float, float] = (0.0, 1.0),
        fine: tuple[float, Floats] | None = None,
    ) -> None:
        """``size`` is that of crops. A gain and an offset make what the network takes of 0..1 (``seen``), and what is ``shown``
        of what it gives; both are cut off at ``bounds``. ``fine``: only what is finer than a blur of these pixels counts, times a
        weight (S, S).
        """
        self._session, self._chain, self._size = session, chain, size
        self._picture = next(one for one in session.get_inputs() if len(one.shape) == 4)
        self._other = next((one for one in session.get_inputs() if len(one.shape) != 4), None)
        self._output = session.get_outputs()[0].name
        self._seen, self._shown, self._bounds = seen, shown, bounds
        self._fine = None
        if fine is not None:
            self._fine = chain.put(matrices.broad(size, fine[0])[None]), chain.put(fine[1].reshape(1, 1, size, size))

    @property
    def takes_many(self) -> bool:
        """Whether several pictures may be asked about at once."""
        return not isinstance(self._picture.shape[0], int)

    def changes(
        self, pictures: NDArray[Any], affines: Sequence[Floats], other: NDArray[Any] | None = None, factor: int = 1
    ) -> Floats:
        """(N, K K, 3, S / K, S / K) what the network changes of crops of N pictures (N, H, W, 3), bytes or encoded floats, by
        affines (2, 3): of K K interleaved parts of each, with K = ``factor``.

        ``other`` is the second input: (N, M), a row for each picture, or (1,) for all.
        """
        if not self.takes_many and len(affines) > 1:
            alone = [
                self.changes(pictures[at : at + 1], [affine], _row(other, at), factor)
                for at, affine in enumerate(affines)
            ]
            return np.concatenate(alone)
        chain = self._chain
        crops = chain.crops(chain.put(pictures), affines, self._size, factor, *self._seen)
        half = self._picture.type == "tensor(float16)"
        if other is not None and other.ndim == 2:
            other = other.repeat(factor**2, 0)
        drawn = self._drawn(crops["seen_in_half" if half else "seen"], other)
        found = chain.change(drawn, crops["crop"], self._shown, self._bounds, self._fine).numpy()
        part = self._size // factor
        return np.array(found, np.float32).reshape(len(affines), factor**2, 3, part, part)

    def _drawn(self, seen: ort.OrtValue, other: NDArray[Any] | None) -> ort.OrtValue:
        """What the network makes of pictures on the device."""
        count = seen.shape()[0]
        if self.takes_many or count == 1:
            return self._asked(seen, other)
        parts = [
            self._asked(self._chain.put(part[None]), _row(other, at)).numpy() for at, part in enumerate(seen.numpy())
        ]
        return self._chain.put(np.concatenate(parts))

    def _asked(self, seen: ort.OrtValue, other: NDArray[Any] | None) -> ort.OrtValue:
        feed = {self._picture.name: seen} | self._second(other)
        return run_bound(self._session, feed, [self._output], self._chain.choice)[self._output]

    def _second(self, other: NDArray[Any] | None) -> dict[str, ort.OrtValue]:
        if other is None or self._other is None:
            return {}
        return {self._other.name: self._chain.put(other.astype(_TYPES[self._other.type]))}


def _row(other: NDArray[Any] | None, at: int) -> NDArray[Any] | None:
    return other[at : at + 1] if other is not None and other.ndim == 2 else other
