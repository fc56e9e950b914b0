"""What live takes its pictures from and whom it tells, kept with the scene as `Scene.understudy.live`."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import bpy

from ...inference.errors import InputError, UsageError
from ...translations import CONTEXT
from ..bridge import paths
from ..bridge.compat import path_options
from ..models import why_offline

SOURCES = (
    ("camera", "Camera", "A camera or capture card of this computer"),
    ("file", "Video File", "A video, played at its own speed"),
    ("address", "Network Stream", "A stream that somebody sends: RTSP, UDP or HTTP"),
    ("livelink", "Phone: Live Link Face", "The app Live Link Face on a phone sends what it sees"),
    ("ifacialmocap", "Phone: iFacialMocap", "The app iFacialMocap on a phone sends what it sees"),
    ("vmc", "Tracker: VMC", "A program or app that speaks VMC sends what it sees, such as VSeeFace or Waidayo"),
)
SENT = frozenset({"livelink", "ifacialmocap", "vmc"})
"""Sources that send coefficients rather than pictures; each has a port in the settings."""
_SCHEMES = frozenset({"rtsp", "rtsps", "rtp", "udp", "tcp", "http", "https", "srt", "rtmp"})
_PORTS = {"min": 1, "max": 65535}


class UNDERSTUDY_PG_live(bpy.types.PropertyGroup):
    """Where live comes from and where it goes."""

    if TYPE_CHECKING:
        source: str
        camera: int
        file: str
        address: str
        livelink_port: int
        ifacialmocap_port: int
        vmc_port: int
        send_vmc: bool
        vmc_address: str
        send_livelink: bool
        livelink_address: str
        opacity: float
        record_to: str
        recorded_video: str
        recorded_take: str
    else:
        source: bpy.props.EnumProperty(
            name="Source", description="Where the actor is seen", items=SOURCES, default="camera"
        )
        camera: bpy.props.IntProperty(
            name="Camera",
            translation_context=CONTEXT,
            description="Which camera of this computer, counted from 0",
            min=0,
            soft_max=9,
        )
        file: bpy.props.StringProperty(
            name="File", description="Video of the actor", subtype="FILE_PATH", options=path_options()
        )
        address: bpy.props.StringProperty(
            name="Address", description="Where the stream is, such as rtsp://192.168.1.20:554/stream"
        )
        livelink_port: bpy.props.IntProperty(
            name="Port", description="Port of this computer that the phone sends to", default=11111, **_PORTS
        )
        ifacialmocap_port: bpy.props.IntProperty(
            name="Port", description="Port of this computer that the phone sends to", default=49983, **_PORTS
        )
        vmc_port: bpy.props.IntProperty(
            name="Port", description="Port of this computer that the tracker sends to", default=39539, **_PORTS
        )
        send_vmc: bpy.props.BoolProperty(
            name="Send VMC", description="Also send the performance to a program that speaks VMC"
        )
        vmc_address: bpy.props.StringProperty(
            name="Address", description="Computer and port of the program that listens", default="127.0.0.1:39540"
        )
        send_livelink: bpy.props.BoolProperty(
            name="Send Live Link",
            description="Also send the performance to a program that understands Live Link Face, such as Unreal Engine",
        )
        livelink_address: bpy.props.StringProperty(
            name="Address", description="Computer and port of the program that listens", default="127.0.0.1:11111"
        )
        opacity: bpy.props.FloatProperty(
            name="Opacity",
            description="How much of the avatar shows over the picture; 1 hides the actor behind it",
            subtype="FACTOR",
            default=1.0,
            min=0.0,
            max=1.0,
            options=set(),
        )
        record_to: bpy.props.StringProperty(
            name="Recording",
            description="Where the next recording goes; chosen for you when empty",
            subtype="FILE_PATH",
            options=path_options(),
        )
        recorded_video: bpy.props.StringProperty(
            name="Recorded Video", description="What was recorded last; empty when the source sent no pictures"
        )
        recorded_take: bpy.props.StringProperty(name="Recorded Take", description="The take that was recorded last")


def words_of(settings: bpy.types.PropertyGroup) -> list[str]:
    """Source and receivers as the command line knows them; raises `UnderstudyError` for what is missing or wrong."""
    words = [_source(settings)]
    if settings.send_vmc:
        words += ["--send", f"vmc://{_host_and_port(settings.vmc_address)}"]
    if settings.send_livelink:
        words += ["--send", f"livelink://{_host_and_port(settings.livelink_address)}"]
    return words


def _source(settings: bpy.types.PropertyGroup) -> str:
    kind = settings.source
    if kind == "camera":
        return f"camera:{settings.camera}"
    if kind == "address":
        return _stream(settings.address.strip())
    if kind in SENT:
        return f"{kind}://{getattr(settings, f'{kind}_port')}"
    if not settings.file:
        raise UsageError("No video was chosen; choose the file that live plays.")
    video = paths.absolute(settings.file)
    if not video.is_file():
        raise InputError(f"There is no video at {video}; choose another file.")
    return str(video)


def _stream(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise UsageError(f"'{address}' is no address of a stream; write one such as rtsp://192.168.1.20:554/stream.")
    offline = why_offline()
    if offline and not _is_near(parts.hostname or ""):
        raise UsageError(f"{offline}.")
    return address


def _is_near(host: str) -> bool:
    """Whether a host is this computer or in its own network, which Blender's online access does not speak of."""
    try:
        place = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(".local")
    return place.is_private or place.is_loopback or place.is_link_local or place.is_multicast or place.is_unspecified


def _host_and_port(address: str) -> str:
    host, _, port = address.strip().rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= _PORTS["max"] or set(host) & set("/ "):
        raise UsageError(f"'{address}' is no address to send to; write computer and port, such as 127.0.0.1:39539.")
    offline = why_offline()
    if offline and not _is_near(host.strip("[]")):
        raise UsageError(f"{offline}.")
    return f"{host}:{port}"


CLASSES = (UNDERSTUDY_PG_live,)
