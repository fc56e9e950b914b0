"""MakeHuman's expression units, as MPFB loads them. Its ARKit face units and its visemes have tables of their own."""

from __future__ import annotations

from typing import Final

from ..recipes import Table, idle, key, mean, sides

MAKEHUMAN: Final[Table] = Table(
    "MakeHuman expression units",
    (
        *sides("eye-{left}-closure", "eyeBlink{Left}"),
        *sides("eye-{left}-opened-up", "eyeWide{Left}"),
        *sides("eye-{left}-slit", "eyeSquint{Left}"),
        *sides("eyebrows-{left}-down", "browDown{Left}"),
        *sides("eyebrows-{left}-extern-up", "browOuterUp{Left}"),
        *sides("eyebrows-{left}-inner-up", "browInnerUp"),
        *sides("eyebrows-{left}-up", "browOuterUp{Left}", rank=1),
        *sides("nose-{left}-elevation", "noseSneer{Left}"),
        *sides("nose-{left}-dilatation", {}),
        key("mouth-open", "jawOpen"),
        key("mouth-corner-puller", mean("mouthSmile")),
        key("mouth-depression", mean("mouthFrown")),
        key("mouth-retraction", mean("mouthStretch")),
        key("mouth-upward-retraction", mean("mouthUpperUp")),
        key("mouth-compression", mean("mouthPress")),
        key("mouth-elevation", "mouthShrugLower"),
        key("mouth-pursing", "mouthPucker"),
        key("mouth-protusion", "mouthFunnel"),
        *idle(("mouth-depression-retraction", "mouth-eversion", "mouth-parling", "mouth-part-later", "neck-platysma")),
        *idle(("nose-compression", "nose-depression")),
    ),
)
