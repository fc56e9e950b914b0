"""The manual's picture of Live: the sample performance as the source, the avatar over it in a window of its own.

Usage: blender ... --python live_picture.py -- ZIP VIDEO FOLDER, watched as `window.py` says; ZIP may be "-" where the add-on
is installed already. FOLDER/report.json says where the sidebar is.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import pictures
import window
from window import MODULE, press, report, settings, shoot, until, view

ROUNDS = 40
"""So often the short performance is played: Blender plays no file twice."""


def story(zip_path: Path, video: Path, folder: Path) -> Iterator[float]:
    """Only the panel Live is open."""
    if str(zip_path) != "-":
        bpy.ops.extensions.package_install_files(filepath=str(zip_path), repo="user_default", enable_on_install=False)
    for cls in importlib.import_module(f"{MODULE}.panels.registration").CLASSES:
        if issubclass(cls, bpy.types.Panel) and "HIDE_HEADER" not in getattr(cls, "bl_options", ()):
            closed = set() if "PT_live" in cls.__name__ else {"DEFAULT_CLOSED"}
            cls.bl_options = set(getattr(cls, "bl_options", ())) - {"DEFAULT_CLOSED"} | closed
    bpy.ops.preferences.addon_enable(module=MODULE)
    yield from window.open_sidebar()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    press("add_avatar")
    for modifier in (modifier for ob in bpy.data.objects for modifier in ob.modifiers if modifier.type == "SUBSURF"):
        modifier.levels = min(modifier.levels, 1)  # without a graphics card every redraw counts
    main, area = view()
    area.spaces[0].shading.color_type = "TEXTURE"
    area.spaces[0].show_region_toolbar = False
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=main, area=area, region=region):
        bpy.ops.view3d.view_axis(type="LEFT")
        bpy.ops.view3d.view_selected()
    choice = settings().live
    choice.source, choice.file = "file", str(lengthened(video, folder / "live.mp4"))
    report["before"] = everything()
    press("start_live")
    session = importlib.import_module(f"{MODULE}.operators.live.session")
    yield from until(lambda: session.current() is None or session.current().sample is not None)
    main.cursor_warp(area.x + 360, area.y + area.height // 2)
    yield 0.5
    press("over_live")
    choice.opacity = 0.85
    yield 4.0
    pictures.sidebar(area, "live")
    for name in ("live_1", "live_2", "live_3"):
        yield from shoot(folder, name)
        yield 0.4
    report["while"] = everything()
    report["problem"] = session.problem()
    now = session.current()
    if now is not None:
        report["slowest_tick_s"], report["ticks"], report["mean_tick_s"] = (
            now.slowest_tick_s, now.ticks, now.ticks_s / max(now.ticks, 1)
        )  # fmt: skip
    press("stop_live")
    yield from until(lambda: session.current() is None)
    yield 0.5
    report["after"] = everything()


def everything() -> dict[str, list[str]]:
    """What the window over the picture makes."""
    return {
        "windows": [one.screen.name for one in bpy.context.window_manager.windows],
        **{name: sorted(getattr(bpy.data, name).keys()) for name in ("screens", "objects", "cameras", "images")},
    }


def lengthened(video: Path, target: Path) -> Path:
    """The same packets, again and again."""
    import av

    with av.open(str(target), "w") as written:
        stream, start = None, 0
        for _ in range(ROUNDS):
            with av.open(str(video)) as read:
                source = read.streams.video[0]
                stream = stream or written.add_stream_from_template(source)
                end = start
                for packet in read.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + start, packet.dts + start, stream
                    end = max(end, packet.pts + (packet.duration or 1))
                    written.mux(packet)
                start = end
    return target


if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    words = [Path(word) for word in sys.argv[sys.argv.index("--") + 1 :]]
    steps = story(*words)
    bpy.app.timers.register(lambda: window.run(steps, words[2]), first_interval=2.0, persistent=True)
