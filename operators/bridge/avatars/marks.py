"""Names of the custom properties by which an avatar says what it is, and what its owner chose for it."""

from __future__ import annotations

from typing import Final

AVATAR_PROPERTY: Final = "understudy_avatar"
"""Marks an avatar that we made: where its face is need not be found out."""
ORIGIN_PROPERTY: Final = "understudy_origin_m"
SCALE_PROPERTY: Final = "understudy_cm"
LANDMARKS_PROPERTY: Final = "understudy_landmarks"

HEAD_CHOICE: Final = "understudy_head"
LEFT_EYE_CHOICE: Final = "understudy_eye_left"
RIGHT_EYE_CHOICE: Final = "understudy_eye_right"
LOOK_AT_CHOICE: Final = "understudy_look_at"
"""Names of the bones that the avatar's owner chose."""
OBJECT: Final = "_object"
"""Ending of the same properties where an object was chosen."""
EYES_BY_CHOICE: Final = "understudy_eyes_by"
"""What the eyes turn by, one of `EYES_BY`."""
EYES_BY: Final = ("auto", "bones", "target", "shapes")
