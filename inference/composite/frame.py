"""One frame at full size: a draft of the face from steadied measurements, and the finished picture from steadied drafts.

Both are pure functions of what they are given (the networks apart, which are opened once), so that a frame can be done
again with other settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingComponentError
from .clock import Clock
from .colour.grain import Grain, grain_of, mean_own
from .colour.match import apply_match
from .colour.sharpness import match_sharpness
from .colour.space import SHOWN, Space
from .colour.surface import quiet_deviation
from .colour.transfer import decode_float, encode, to_pixels
from .enhancer.gfpgan import Enhancer, open_enhancer
from .enhancer.steady import steady_detail
from .mattes.cover import Cover, matte_of_cover
from .mattes.face import face_matte
from .mattes.own_hair import without_own_hair
from .mattes.sequence import reach
from .measure import Measurement, face_frame, warp_of
from .pictures import cv2, distance, floats_of, scaled
from .poisson.membrane import mixed_detail
from .poisson.seam import apply_correction, seam_correction
from .prepare import Prepared
from .regions import face_region, face_width_px, features
from .sources import Inputs
from .stabiliser.calming import NOISY, calm_face
from .stabiliser.flow import Trail, mean_along
from .swapper.network_face import NetworkFace, NetworkSwapper
from .swapper.warp import apply_affine, inverse, outline_of_matte, warp_render
from .types import CompositeOptions, Floats, Pixels, Region, Settings

_WHOLE: Final = 0.9
"""Matte from which on a pixel is the face's."""
_MIXED_INSET: Final = 0.03
"""Face widths inside the matte from which the plate's own detail is mixed in."""
CORRECTION_SIGMA: Final = 1.5
"""Frames over which what is added to a face is averaged."""


@dataclass(frozen=True)
class Draft:
    """A frame whose face is in place, and what is to be added to it. Encoded floats, 0..1, over a region."""

    region: Region
    face: Floats
    """(H, W, 3) with the plate's light and colours."""
    matte: Floats
    """(H, W)."""
    correction: Floats | None
    """(h, w, 3) what the membrane adds to the face, on its coarse grid; None when there is none."""
    detail: Floats | None
    """(H, W, 3) what the enhancer adds."""
    grain: Grain | None = None
    """None where grain is not matched."""


class Blender:
    """Drafts and finishes frames with the chosen stages."""

    def __init__(self, options: CompositeOptions, prepared: Prepared | None = None, clock: Clock | None = None) -> None:
        """Raises `MissingComponentError` when a network that was asked for by name is missing."""
        self._stages = set(options.stages)
        self._mixed_gradients = options.mixed_gradients
        self._space = SHOWN if prepared is None else prepared.space
        self.clock = clock or Clock()
        self.skipped: dict[str, str] = {}
        self._enhancer = self._open_enhancer(options) if "enhance" in self._stages else None
        self.identity: NetworkSwapper | None = None
        if options.swapper == "inswapper" and "swap" in self._stages:
            self.identity = NetworkSwapper(options)

    def draft(
        self,
        inputs: Inputs,
        measured: Measurement,
        settings: Settings,
        network: NetworkFace | None = None,
        cover: Cover | None = None,
        own: Floats | None = None,
    ) -> Draft:
        """Step 2: the face in its place, with its matte, its colours and what its seam needs.

        ``network`` is the face as the network swapper drew it; without it the face is the render's. ``cover`` is what
        stays in front of it, ``own`` (H, W) the user's matte.
        """
        plate = inputs.plate
        height, width = plate.shape[:2]
        points = measured.actor_px
        region = face_region(points, (width, height))
        if own is not None:
            region = reach(own, region)
        with self.clock("swap"):
            outline_px = None if own is None else _outline(own, points, region)
            face, alpha = self._face(inputs, measured, region, settings, network, outline_px)
        with self.clock("matte"):
            outline = face_matte(points - region.origin_px, alpha, face_width_px(points), settings.feather)
            seen = None if cover is None else 1 - matte_of_cover(cover, plate, region)
            matte = outline if seen is None else outline * seen
            if own is not None:
                outline = matte = np.minimum(alpha, own[region.slices])
            matte = np.clip(matte, 0, 1)
        if network is None:
            with self.clock("colour"):
                face = self._coloured(face, matte, measured, region, settings)
        behind = floats_of(plate[region.slices])
        if own is None and network is None and _is_another(measured):
            with self.clock("matte"):
                both = [points - region.origin_px, _avatar_points(measured) - region.origin_px]
                bare = without_own_hair(face, behind, outline, both, face_width_px(points))
                outline, matte = outline * bare, matte * bare
        correction = None
        if "poisson" in self._stages:
            with self.clock("poisson"):
                if self._mixed_gradients:
                    # At the rim the strongest slopes are those from skin to hair.
                    deep = distance(matte > _WHOLE) > _MIXED_INSET * face_width_px(points)
                    skin_only = deep & (features(matte, points - region.origin_px) == 0)
                    face = face + mixed_detail(behind, face, skin_only)
                match = measured.match if "colour" in self._stages else None
                skin, same = (None, 0.0) if match is None else (match.mean, match.same)
                correction = np.float32(settings.membrane) * seam_correction(
                    behind, face, outline, face_width_px(points), skin, seen=seen, same=same
                )
        grain = None
        if "colour" in self._stages and measured.surface is not None:
            with self.clock("grain"):
                skin_only = (matte > _WHOLE) & (features(matte, points - region.origin_px) == 0)
                grain = Grain(quiet_deviation(face, skin_only), measured.surface, points)
        return Draft(region, face, matte, correction, None, grain)

    @property
    def enhances_elsewhere(self) -> bool:
        """Whether the enhancer works on a device with memory of its own, best on several frames at once."""
        return self._enhancer is not None and self._enhancer.is_elsewhere

    def enhanced(self, drafted: Sequence[tuple[Inputs, Measurement, Settings, Draft]]) -> list[Draft]:
        """Drafts with what the enhancer adds to them."""
        drafts = [draft for *_, draft in drafted]
        if self._enhancer is None or not drafts:
            return drafts
        with self.clock("enhance"):
            wholes = [_composite(inputs.plate, draft) for inputs, _, _, draft in drafted]
            points = [measured.actor_px for _, measured, _, _ in drafted]
            details = self._enhancer.details(wholes, points, [draft.region for draft in drafts])
            return [
                replace(draft, detail=np.float32(settings.enhance) * detail)
                for (_, _, settings, draft), detail in zip(drafted, details, strict=True)
            ]

    def finish(self, inputs: Inputs, drafts: dict[int, Draft], along: dict[int, Trail]) -> tuple[NDArray[Any], Floats]:
        """Step 3: the finished picture (H, W, 3) from the drafts of a run, by offset, and the trails to them; and the
        face alone, (H, W, 3) of its region, encoded.

        Every pixel outside the matte is the footage's, bit by bit; there is one rounding, here.
        """
        draft = drafts[0]
        with self.clock("steady"):
            correction = _steadied({at: (item.correction, item.region) for at, item in drafts.items()}, along)
            details = {at: (item.detail, item.region) for at, item in drafts.items() if item.detail is not None}
            detail = steady_detail(details, along) if 0 in details else None
        with self.clock("finish"):
            behind = floats_of(inputs.plate[draft.region.slices])
            face, own = _calmed(drafts, along)
            if correction is not None:
                face = apply_correction(face, correction)
            if detail is not None:
                face = face + detail
            mixed = _mixed(behind, face, draft.matte)
        if draft.grain is not None:
            with self.clock("grain"):
                grain = grain_of(mixed, draft.matte, own, draft.grain, inputs.frame_index, draft.region)
                mixed, face = mixed + grain, face + grain
        with self.clock("finish"):
            return lay_over(inputs.original, draft.region, mixed, draft.matte, behind, self._space), face

    def _face(
        self,
        inputs: Inputs,
        measured: Measurement,
        region: Region,
        settings: Settings,
        network: NetworkFace | None,
        outline_px: Floats | None,
    ) -> tuple[Floats, Floats]:
        """The new face in its place, (H, W, 3), and where it is, (H, W): the render in linear light, or the network's
        drawing, encoded, which has the plate's own light already.
        """
        if self.identity is not None and network is not None:
            return self.identity.face(floats_of(inputs.plate), measured.actor_px, network, region)
        warp = warp_of(measured, "swap" in self._stages, settings.bend, outline_px)
        return warp_render(inputs.render, warp, region)

    def _coloured(
        self, linear: Floats, matte: Floats, measured: Measurement, region: Region, settings: Settings
    ) -> Floats:
        """Encoded face with the plate's colours when that is wanted and was measured."""
        if "colour" not in self._stages or measured.match is None:
            return encode(linear)
        if measured.surface is not None:
            linear = match_sharpness(linear, measured.surface, measured.match.softer)
        return apply_match(linear, matte, measured.match, face_frame(measured.actor_px), region, settings.light)

    def _open_enhancer(self, options: CompositeOptions) -> Enhancer | None:
        try:
            return open_enhancer(options.enhancer, options.device)
        except MissingComponentError as error:
            self.skipped["enhance"] = f"The enhancer was left out. {error}"
            return None


def _is_another(measured: Measurement) -> bool:
    """Does the render show another person than the plate, as far as colours were compared?"""
    return measured.match is not None and measured.match.same < 0.5


def _avatar_points(measured: Measurement) -> Floats:
    """(478, 2) where the avatar's landmarks come to lie in the plate, but for the bend of its outline."""
    return apply_affine(inverse(warp_of(measured, True, 0.0).similarity), measured.actor_px + measured.offset_px)


def lay_over(
    original: NDArray[Any], region: Region, mixed: Floats, matte: Floats, behind: Floats, space: Space
) -> NDArray[Any]:
    """The footage (H, W, 3) with a region that was mixed as it is shown, rounded once; every pixel outside the matte
    (h, w) is copied.

    What the footage holds beyond what is shown of it, ``behind``, fades with the matte: light above white, colours
    beyond sRGB's.
    """
    picture = original.copy()
    part = original[region.slices]
    if space.is_shown:
        finished = to_pixels(mixed, original.dtype)
    else:
        beyond = space.light(part) - decode_float(behind)
        finished = space.pixels(decode_float(mixed) + (1 - matte[..., None]) * beyond, original.dtype)
    cv2.copyTo(finished, (matte > 0).view(np.uint8), picture[region.slices])
    return picture


def _outline(matte: Floats, points_px: Floats, region: Region) -> Floats:
    """(36, 2) where the avatar's outline goes when the user gave a matte (H, W) of the whole frame."""
    goal: Floats = outline_of_matte(matte[region.slices], points_px - region.origin_px) + region.origin_px
    return goal


def _composite(plate: Pixels, draft: Draft) -> Floats:
    """The encoded plate (H, W, 3) with a draft in it."""
    whole = floats_of(plate)
    face = draft.face if draft.correction is None else apply_correction(draft.face, draft.correction)
    whole[draft.region.slices] = _mixed(whole[draft.region.slices], face, draft.matte)
    return whole


def _mixed(behind: Floats, face: Floats, matte: Floats) -> Floats:
    change = cv2.subtract(face, behind)
    mixed: Floats = cv2.add(behind, scaled(change, matte), dst=change)
    return mixed


def _calmed(drafts: dict[int, Draft], along: dict[int, Trail]) -> tuple[Floats, float]:
    """The face of the frame at offset 0, calmed when it has more noise than the plate, and the noise it then has."""
    draft = drafts[0]
    own = mean_own([item.grain for item in drafts.values() if item.grain is not None])
    wanted = draft.grain.surface.luma_grain() if draft.grain is not None else float("nan")
    if not own > NOISY * wanted > 0:
        return draft.face, own
    return calm_face({at: (item.face, item.region) for at, item in drafts.items()}, along, own, wanted)


def _steadied(fields: dict[int, tuple[Floats | None, Region]], along: dict[int, Trail]) -> Floats | None:
    """Mean of one kind of field over the run, along the plate's flow."""
    known = {offset: (field, region) for offset, (field, region) in fields.items() if field is not None}
    if 0 not in known:
        return None
    return mean_along(known, along, CORRECTION_SIGMA)
