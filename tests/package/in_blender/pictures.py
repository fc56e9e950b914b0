"""The pictures of the manual: every panel open, on the sample performance, in a tall real Blender window.

Usage: blender ... --python pictures.py -- ZIP VIDEO FOLDER, watched as `window.py` says. FOLDER/report.json says where
the sidebar is in each picture.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import window
from window import MODULE, press, report, settings, shoot, until, view

LANGUAGES = {"english": "en_US", "chinese": "zh_HANS"}


def install_with_open_panels(zip_path: Path) -> None:
    """Blender has no way to open a panel from a script, so none is closed when it is registered."""
    bpy.ops.extensions.package_install_files(filepath=str(zip_path), repo="user_default", enable_on_install=False)
    panels = importlib.import_module(f"{MODULE}.panels.registration")
    for cls in panels.CLASSES:
        cls.bl_options = set(getattr(cls, "bl_options", ())) - {"DEFAULT_CLOSED"}
    bpy.ops.preferences.addon_enable(module=MODULE)


def sidebar(area: bpy.types.Area, name: str) -> None:
    """Note where the sidebar is: left, top, width, height in pixels from the top left."""
    region = next(region for region in area.regions if region.type == "UI")
    window_height = view_window().height
    report.setdefault("sidebars", {})[name] = [
        region.x,
        window_height - region.y - region.height,
        region.width,
        region.height,
    ]


def story(zip_path: Path, video: Path, folder: Path) -> Iterator[float]:
    """Track in the Movie Clip editor, then everything else in the 3D View, then the same in Chinese."""
    install_with_open_panels(zip_path)
    yield from window.open_sidebar()
    settings().footage = str(video)
    settings().use_trim, settings().trim_first, settings().trim_last = True, 30, 49  # what is rendered may be short
    yield 0.5
    yield from in_clip_editor(folder)
    yield from on_avatar(folder)
    yield from to_the_movie(folder)
    bpy.context.preferences.view.language = LANGUAGES["chinese"]
    yield 1.0
    sidebar(view()[1], "chinese")
    yield from shoot(folder, "chinese")
    bpy.context.preferences.view.language = LANGUAGES["english"]


def in_clip_editor(folder: Path) -> Iterator[float]:
    """The footage with the landmarks, while they are found."""
    _, area = view()
    press("find_faces")
    yield from until(lambda: window.job().state == "idle")
    area.type = "CLIP_EDITOR"
    area.spaces[0].clip = bpy.data.movieclips[0]
    area.spaces[0].show_region_ui = True
    area.spaces[0].show_region_toolbar = area.spaces[0].show_region_hud = False
    yield 0.5
    next(region for region in area.regions if region.type == "UI").active_panel_category = "Understudy"
    with bpy.context.temp_override(window=view_window(), area=area, region=area.regions[-1]):
        bpy.ops.clip.view_all(fit_view=True)
        bpy.ops.understudy.track("INVOKE_DEFAULT")
    yield from until(lambda: window.job().factor > 0.3)
    yield from shoot(folder, "tracking")
    yield from until(lambda: window.job().state == "idle")
    bpy.context.scene.frame_current = 11  # unlike frame_set this also moves the Movie Clip editor
    sidebar(area, "clip")
    yield from shoot(folder, "clip")
    area.type = "VIEW_3D"
    yield 0.5


def view_window() -> bpy.types.Window:
    """The only window."""
    return bpy.context.window_manager.windows[0]


def on_avatar(folder: Path) -> Iterator[float]:
    """The avatar, its list of links, the preview."""
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    press("add_avatar")
    press("match_shapes")
    _, area = view()
    with bpy.context.temp_override(window=view_window(), area=area, region=area.regions[-1]):
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
    press("preview")
    bpy.context.scene.frame_set(11)
    sidebar(area, "avatar")
    yield from shoot(folder, "avatar")
    press("preview")


def to_the_movie(folder: Path) -> Iterator[float]:
    """Keys, camera, a few rendered frames, the movie."""
    press("bake")
    press("setup_shot")
    settings().engine, settings().samples = "cycles", 1
    bpy.context.scene.frame_set(11)
    _, area = view()
    area.spaces[0].region_3d.view_perspective = "CAMERA"
    yield 0.5
    sidebar(area, "scene")
    yield from shoot(folder, "scene")
    press("render")
    yield from until(lambda: window.job().state == "idle")
    press("consent", kind="FICTIONAL")
    yield from until(lambda: window.job().state == "idle")
    press("composite")
    yield from until(lambda: window.job().state == "idle")
    sidebar(area, "done")
    yield from shoot(folder, "done")


if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    window.PATIENCE_S = 900.0
    words = [Path(word) for word in sys.argv[sys.argv.index("--") + 1 :]]
    steps = story(*words)
    bpy.app.timers.register(lambda: window.run(steps, words[2]), first_interval=2.0, persistent=True)
