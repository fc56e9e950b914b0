"""Head and eye angles of other programs <-> our rotation matrices. Pure numbers.

Our axes are those of ARKit's face: x toward the actor's left, y up, z out of the face. Unity's are mirrored in x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def turned(yaw: float, pitch: float, roll: float) -> Floats:
    """(3, 3) yaw (to the actor's left) after pitch (up) after roll (to the actor's left shoulder), in radians.

    The inverse of `livelink.head_angles`.
    """
    (a, b, c), (sa, sb, sc) = np.cos([yaw, -pitch, -roll]), np.sin([yaw, -pitch, -roll])
    about_y = np.array([[a, 0, sa], [0, 1, 0], [-sa, 0, a]])
    about_x = np.array([[1, 0, 0], [0, b, -sb], [0, sb, b]])
    about_z = np.array([[c, -sc, 0], [sc, c, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def gaze_of(rotation: Floats) -> Floats:
    """(2,) yaw and pitch of the direction that a turned eye looks in."""
    x, y, z = rotation[:, 2]
    return np.array([np.arctan2(x, z), np.arcsin(np.clip(y, -1.0, 1.0))])


def quaternion(rotation: Floats) -> Floats:
    """(4,) x, y, z, w of a rotation matrix; w is not negative."""
    m = rotation
    # Four ways to the same quaternion (Shepperd 1978); the one with the largest first term loses no digits.
    squares = np.array(
        [
            1 + m[0, 0] - m[1, 1] - m[2, 2],
            1 - m[0, 0] + m[1, 1] - m[2, 2],
            1 - m[0, 0] - m[1, 1] + m[2, 2],
            1 + np.trace(m),
        ]
    )
    n = int(np.argmax(squares))
    x, y, z = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    xy, xz, yz = m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1]
    row = ((squares[0], xy, xz, x), (xy, squares[1], yz, y), (xz, yz, squares[2], z), (x, y, z, squares[3]))[n]
    found = np.array(row, np.float64)
    found /= np.linalg.norm(found)
    return np.asarray(found if found[3] >= 0 else -found)


def matrix(q: Floats) -> Floats:
    """(3, 3) of a quaternion x, y, z, w of any length but 0; raises `ValueError` for that."""
    length = float(np.linalg.norm(q))
    if not np.isfinite(length) or length < 1e-6:
        raise ValueError("a quaternion without length")
    x, y, z, w = (q / length).tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def mirrored(q: Floats) -> Floats:
    """A quaternion of ours in Unity's axes, and back."""
    return np.asarray(q * np.array([1.0, -1.0, -1.0, 1.0]))


def part_of(rotation: Floats, share: float) -> Floats:
    """(3, 3) a share of a turn, about the same axis."""
    q = quaternion(rotation)
    half = float(np.arctan2(np.linalg.norm(q[:3]), q[3]))
    axis = q[:3] / max(float(np.linalg.norm(q[:3])), 1e-12)
    return matrix(np.append(np.sin(share * half) * axis, np.cos(share * half)))
