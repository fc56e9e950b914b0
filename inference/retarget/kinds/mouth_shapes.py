"""What a whole-mouth key (a vowel, a viseme) follows, for avatars that have no key per coefficient.

Sums of coefficients, held to 0..1. Open vowels follow the gap between the lips (``jawOpen`` less ``mouthClose``), round
ones the lips; each is held back by what speaks for another, so that one movement of the actor shows in one key.
The gains make a clear vowel of ordinary speech (an "ah" opens the jaw by about 0.65) a full key.
"""

from __future__ import annotations

from typing import Final

from ..recipes import Limits, Recipe, key, mean

AA: Final[Recipe] = key(
    "ah",
    {"jawOpen": 1.5, "mouthClose": -1.5, "mouthFunnel": -1.5, "mouthPucker": -1.0} | mean("mouthStretch", gain=-0.5),
)
IH: Final[Recipe] = key(
    "ee in see", {"jawOpen": -0.8} | mean("mouthStretch", gain=1.6) | mean("mouthLowerDown", gain=0.5)
)
EE: Final[Recipe] = key(
    "e in bed", {"mouthClose": -0.5} | mean("mouthStretch", gain=1.0) | mean("mouthUpperUp", "mouthLowerDown", gain=0.4)
)
OU: Final[Recipe] = key("oo in too", {"mouthPucker": 1.4, "mouthFunnel": 0.3, "jawOpen": -0.3})
OH: Final[Recipe] = key("oh", {"mouthFunnel": 1.6, "jawOpen": 0.4}, limits=Limits(offset=-0.25))
"""The offset takes out the jaw's part while the lips are not round."""

PP: Final[Recipe] = key(
    "p, b, m",
    {"mouthRollUpper": 0.6, "mouthRollLower": 0.4, "mouthClose": 0.6}
    | mean("mouthPress", gain=1.0)
    | mean("mouthUpperUp", gain=-1.0),
)
FF: Final[Recipe] = key(
    "f, v",
    {"mouthRollLower": 1.0, "mouthRollUpper": -1.0} | mean("mouthUpperUp", gain=0.5) | mean("mouthPress", gain=-0.5),
)
TH: Final[Recipe] = key("th", "tongueOut")
CH: Final[Recipe] = key("ch, sh", {"mouthFunnel": 0.8, "jawOpen": -1.5})
