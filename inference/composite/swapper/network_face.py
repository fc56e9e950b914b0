"""The network swapper in the cascade: draws each frame's face once, calms it over time, gives it the actor's expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...errors import InputError
from ...networks.registry import weights_path
from ...networks.sessions import open_session
from ..device.chain import chain_on
from ..pictures import floats_of
from ..stabiliser.flow import Flow
from ..stabiliser.window import gaussian_mean
from ..types import CompositeOptions, Floats, Pixels, Region
from .expression import POINTS, ExpressionReader, with_expression
from .inswapper import CALM_SIGMA, Drawing, IdentitySwapper, calmed, laid, read_identity_map
from .reference import ExpressionLibrary

SOURCES: Final = 6
"""Rendered frames that tell the recogniser who it is."""
REACH: Final = 3
"""Frames before and after that calm a drawing."""


@dataclass(frozen=True)
class NetworkFace:
    """What the network drew on one frame."""

    drawing: Drawing
    miss_px: Floats
    """(P, 2) from its expression to the actor's, see `expression`."""


class NetworkSwapper:
    """inswapper_128 with its recogniser, its sources and its expression restorer."""

    def __init__(self, options: CompositeOptions) -> None:
        """Raises `MissingComponentError` and `InputError` for networks that are missing or wrong."""
        sessions = open_session("inswapper", options.device), open_session("arcface", options.device)
        identity_map = read_identity_map(weights_path("inswapper"))
        self._identity = IdentitySwapper(*sessions, identity_map, options.pixel_boost, chain_on(options.device))
        self._factor = options.expression_factor
        self._reader = ExpressionReader(options.device) if self._factor > 0 else None
        self._library: ExpressionLibrary | None = None
        self._sources: list[int] = []

    def learn(self, library: ExpressionLibrary, portrait: Callable[[int], tuple[Floats, Floats] | None]) -> None:
        """Remember who is to be drawn, from some of the rendered frames.

        ``portrait`` gives the encoded picture (H, W, 3) and landmarks (478, 2) of one; None when it shows no face.

        Raises:
            InputError: none does.
        """
        self._library = library
        for index in library.sources(SOURCES):
            found = portrait(index)
            if found is not None:
                self._identity.take_identity(*found)
                self._sources.append(index)
        if not self._sources:
            raise InputError("The rendered frames show no face that could be recognised; use the swapper 'render'.")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it draws on a device with memory of its own, best several frames at once."""
        return self._identity.is_elsewhere

    def draw(
        self, frame_indices: Sequence[int], plates: Sequence[Pixels], points_px: Sequence[Floats]
    ) -> list[Drawing]:
        """What the network changes of the faces of frames, on plates (H, W, 3), at the actor's landmarks (478, 2)."""
        if self._library is None:
            raise ValueError("learn comes before draw")
        shares = [self._library.shares(index, self._sources) for index in frame_indices]
        return self._identity.drawings(plates, points_px, shares)

    def compared(self, drawing: Drawing, pixels: Pixels, points_px: Floats) -> NetworkFace:
        """A drawing, and how far its expression is from the actor's on the plate (H, W, 3) with his landmarks (478, 2)."""
        if self._reader is None:
            return NetworkFace(drawing, np.zeros((len(POINTS), 2), np.float32))
        plate = floats_of(pixels)
        height, width = plate.shape[:2]
        region = Region.around(points_px, 4, (width, height))
        face, _ = laid(plate, drawing, region)
        seen = np.rint(255 * plate).astype(np.uint8)
        return NetworkFace(drawing, self._reader.miss(seen, face, region, points_px))

    def face(self, plate: Floats, points_px: Floats, network: NetworkFace, region: Region) -> tuple[Floats, Floats]:
        """The face (H, W, 3), encoded, with the plate's own light, and its alpha (H, W) over a region of the encoded plate."""
        face, alpha = laid(plate, network.drawing, region)
        return with_expression(face, points_px, network.miss_px, self._factor, region), alpha


def steady_face(run: Mapping[int, NetworkFace], flows: Mapping[int, Flow]) -> NetworkFace:
    """The face at offset 0, calmed by its neighbours; ``flows`` as in `trails`."""
    near = {offset: item for offset, item in run.items() if abs(offset) <= REACH}
    miss_px = gaussian_mean(list(near), [item.miss_px for item in near.values()], CALM_SIGMA)
    return NetworkFace(calmed({offset: item.drawing for offset, item in near.items()}, flows), miss_px)
