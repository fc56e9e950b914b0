"""Who plays in rig_solve.py: eight avatars, from ICT-FaceKit under nonsense names to a head that nobody tuned for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rig_avatars import (
    Array,
    Avatar,
    cartoon,
    jaw_bone_rig,
    lean,
    other_topology,
    puppet,
    shape_rig,
    skin_head,
    whole_head,
)
from understudy.inference import arkit
from understudy.inference.face_model.ict_folder import IctModel


def avatars(model: IctModel) -> Iterator[Avatar]:
    """The rigs of the benchmark; nobody looked at the last one while the solver was made."""
    skin = skin_head(model)
    decimated = other_topology(skin, "DECIMATE", 0.3)
    exact = {name: {name: 1.0} for name in arkit.NAMES if model.arkit_shape(name) is not None}
    yield shape_rig("ict, nonsense names", whole_head(model, 3), exact)
    yield shape_rig("decimated to 1,700 vertices", other_topology(skin, "DECIMATE", 0.12), exact)
    yield shape_rig("remeshed", other_topology(skin, "REMESH", 0.3), exact)
    yield shape_rig("cartoon", whole_head(model), exact, warp=cartoon)
    yield shape_rig("puppet", decimated, exact, warp=puppet)
    yield jaw_bone_rig("jaw bone and 16 shapes", decimated, FEW)
    yield shape_rig("vowels, blinks, moods", whole_head(model), VRM, warp=cartoon)
    coarse = other_topology(skin, "REMESH", 0.4)
    yield shape_rig("unseen: old, lean, crooked", coarse, MERGED, lean, _strength(OLD), pairs=True)


def _both(**parts: float) -> dict[str, float]:
    """Gains by coefficient; a stem without a side stands for both."""
    return {
        name: gain
        for stem, gain in parts.items()
        for name in ((stem,) if stem in arkit.INDEX else (f"{stem}Left", f"{stem}Right"))
    }


def _strength(parts: dict[str, float]) -> Array:
    return np.array(
        [next((part for stem, part in parts.items() if name.startswith(stem)), 1.0) for name in arkit.NAMES]
    )


FEW = (
    "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "mouthFunnel", "mouthPucker", "mouthClose",
    "browInnerUp", "browDownLeft", "browDownRight", "mouthFrownLeft", "mouthFrownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight",
)  # fmt: skip
VRM = {
    "aa": _both(jawOpen=0.75, mouthLowerDown=0.2),
    "ih": _both(mouthStretch=0.6, jawOpen=0.15, mouthLowerDown=0.3),
    "ou": _both(mouthPucker=0.8, mouthFunnel=0.3, jawOpen=0.12),
    "ee": _both(mouthStretch=0.4, jawOpen=0.25, mouthUpperUp=0.3, mouthLowerDown=0.3),
    "oh": _both(mouthFunnel=0.7, jawOpen=0.45),
    "blinkLeft": {"eyeBlinkLeft": 1.0},
    "blinkRight": {"eyeBlinkRight": 1.0},
    "happy": _both(mouthSmile=0.9, cheekSquint=0.5, eyeSquint=0.4),
    "angry": _both(browDown=1.0, noseSneer=0.3, mouthPress=0.3),
    "sad": _both(browInnerUp=0.9, mouthFrown=0.7),
    "surprised": _both(browOuterUp=0.9, browInnerUp=0.7, eyeWide=0.8),
}
MERGED = {
    "jawOpen": {"jawOpen": 1.0},
    "jawLeft": {"jawLeft": 1.0},
    "jawRight": {"jawRight": 1.0},
    "mouthClose": {"mouthClose": 1.0},
    "mouthSmile": _both(mouthSmile=1.0, mouthDimple=0.2),
    "mouthFrown": _both(mouthFrown=1.0),
    "mouthPucker": {"mouthPucker": 1.0},
    "mouthFunnel": {"mouthFunnel": 1.0},
    "mouthStretch": _both(mouthStretch=1.0),
    "mouthLeft": {"mouthLeft": 1.0},
    "mouthRight": {"mouthRight": 1.0},
    "mouthPress": _both(mouthPress=1.0, mouthRollLower=0.3),
    "mouthUpperUp": _both(mouthUpperUp=1.0, noseSneer=0.2),
    "mouthLowerDown": _both(mouthLowerDown=1.0),
    "cheekPuff": {"cheekPuff": 1.0},
    "eyeBlinkLeft": {"eyeBlinkLeft": 1.0},
    "eyeBlinkRight": {"eyeBlinkRight": 1.0},
    "squintLeft": {"eyeSquintLeft": 1.0, "cheekSquintLeft": 0.6},
    "squintRight": {"eyeSquintRight": 1.0, "cheekSquintRight": 0.6},
    "browsUp": _both(browInnerUp=1.0, browOuterUp=1.0),
    "browsDown": _both(browDown=1.0),
}
OLD = {"mouthSmile": 0.6, "mouthStretch": 0.7, "brow": 0.7, "jawOpen": 0.85, "mouthClose": 0.85, "cheekPuff": 0.7}
