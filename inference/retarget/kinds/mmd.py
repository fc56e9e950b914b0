"""MikuMikuDance: Japanese morph names, and the two English translations that avatars of virtual worlds use."""

from __future__ import annotations

from typing import Final

from ..recipes import FULL, Table, idle, key, mean, whole_mouth
from .mouth_shapes import AA, EE, IH, OH, OU

_NO_BLINK: Final[dict[str, float]] = mean("eyeBlink", gain=-0.5)
"""A lid that is half closed already must not be closed twice."""

MMD: Final[Table] = Table(
    "MMD",
    (
        whole_mouth(("あ", "Ah"), AA),
        whole_mouth(("い", "Ch"), IH),
        whole_mouth(("う", "U"), OU),
        whole_mouth(("え", "E"), EE),
        whole_mouth(("お", "Oh"), OH),
        # The second wink is a blink of one eye; the first one smiles.
        key(("ウィンク２", "Wink 2", "Wink-b"), "eyeBlinkLeft"),
        key(("ウィンク２右", "Wink 2 Right", "Wink-c"), "eyeBlinkRight"),
        key(("まばたき", "Blink"), mean("eyeBlink"), rank=1, limits=FULL),
        key(("ウィンク", "ウインク", "Wink"), "eyeBlinkLeft", rank=2),
        key(("ウィンク右", "ウインク右", "Wink Right", "Wink-a"), "eyeBlinkRight", rank=2),
        key(("笑い", "Blink Happy"), mean("cheekSquint", gain=0.5) | _NO_BLINK, limits=FULL),
        key(("じと目", "ジト目", "Stare", "Jito-eye"), mean("eyeSquint") | _NO_BLINK, limits=FULL),
        key(("びっくり", "Surprised", "Ha!!!"), mean("eyeWide"), limits=FULL),
        key(("困る", "Sadness", "Trouble"), {"browInnerUp": 1.0} | mean("browOuterUp", gain=-0.7), limits=FULL),
        key(("怒り", "Anger", "Get angry"), mean("browDown"), limits=FULL),
        key(("上", "Upper"), mean("browOuterUp"), limits=FULL),
        key(("下", "Lower"), mean("browDown"), rank=1, limits=FULL),
        key(("真面目", "Serious"), mean("browDown"), rank=2, limits=FULL),
        key(("口角上げ", "Mouth Horn Raise", "MouseUP"), mean("mouthSmile"), limits=FULL),
        key(("口角下げ", "Mouth Horn Lower", "MouseDW"), mean("mouthFrown"), limits=FULL),
        key(("口横広げ", "Mouth Side Widen", "MouseWD"), mean("mouthDimple"), limits=FULL),
        key(("ぺろっ", "Pero"), "tongueOut", limits=FULL),
        key(("にやり", "Grin", "Niyari"), mean("mouthSmile"), rank=1, limits=FULL),
        key("にっこり", mean("mouthSmile"), rank=2, limits=FULL),
        key("への字", mean("mouthFrown"), rank=1, limits=FULL),
        key(("にこり", "Cheerful", "Smily"), mean("mouthSmile", gain=0.5), rank=3, limits=FULL),
        *idle(
            (
                "あ２", "ああ", "いい", "おお", "えー", "ん", "ワ", "Wa", "ω", "Omega", "なごみ", "Calm", "Howawa", "はぅ", "ｷﾘｯ",
                "Slant", "はちゅ目", "星目", "Star Eye", "はぁと", "Heart", "瞳小", "Pupil", "EyeSmall", "瞳大", "瞳縦潰れ",
                "光下", "恐ろしい子!", "ハイライト消", "映り込み消", "喜び", "わぉ!?", "悲しむ", "敵意", "にやり２",
                "てへぺろ", "てへぺろ２", "歯無し上", "歯無し下", "照れ", "Blush", "涙", "しいたけ", "なぬ!", "はんっ!",
                "睨み", "白目", "頬染め", "青ざめ", "前", "Front", "口横狭め", "赤面", "がーん",
            )
        ),
    ),
    least=3,
)  # fmt: skip
