"""The cameras of this machine: which there are, and how PyAV opens one on each system."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import av

from ..errors import InputError


@dataclass(frozen=True)
class Input:
    """What `av.open` is told."""

    file: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)


def device_format() -> str:
    """FFmpeg's name for the system's cameras."""
    return {"win32": "dshow", "darwin": "avfoundation"}.get(sys.platform, "v4l2")


def cameras() -> list[str]:
    """What the system calls its cameras, in its order; empty where it does not tell."""
    try:
        devices = av.enumerate_input_devices(device_format())
    except (av.error.FFmpegError, OSError, ValueError):
        devices = []
    names = [device.description or device.name for device in devices if "audio" not in device.media_types]
    if not names and sys.platform.startswith("linux"):
        entries = sorted(Path("/sys/class/video4linux").glob("video*/name"))
        names = [f"{entry.read_text().strip()} ({entry.parent.name})" for entry in entries]
    return names


def camera_input(name: str, size: tuple[int, int] | None) -> Input:
    """How to open a camera: by its number, by its path (Linux) or by its name; raises `InputError` where there is none."""
    options = {} if size is None else {"video_size": f"{size[0]}x{size[1]}"}
    kind = device_format()
    if kind == "v4l2":
        path = f"/dev/video{name}" if name.isdecimal() else name
        if not Path(path).exists():
            raise missing_camera(name)
        return Input(path, kind, options)
    if kind == "avfoundation":
        return Input(f"{name}:none", kind, {"framerate": "30", **options})
    if name.isdecimal():
        known = cameras()
        if int(name) >= len(known):
            raise missing_camera(name)
        name = known[int(name)]
    return Input(f"video={name}", kind, options)


def missing_camera(name: str, why: str = "") -> InputError:
    """What to do without this camera."""
    known = cameras()
    listed = ", ".join(f"{number} {camera}" for number, camera in enumerate(known))
    advice = f"this machine has: {listed}" if known else "connect one, or give a video file or a stream"
    if why:  # it is there, or was
        advice = f"check its cable, that no other program uses it and that the system allows it; {advice}"
    return InputError(f"Camera {name} cannot be used{f' ({why})' if why else ''}; {advice}.")
