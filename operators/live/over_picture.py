"""The avatar over the live picture: a window of its own, in which a camera of ours sees it as the actor is seen."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.errors import UsageError
from ...inference.live.picture_board import PictureBoard
from ..bridge.stage import watching

if TYPE_CHECKING:
    from ...inference.live.picture_board import BoardPicture
    from ...inference.live.sample import LiveSample
    from .avatar import LiveAvatar

WINDOW = "Understudy Live"
"""Name of the window's screen: a file that was saved with it has it too."""
_HIDDEN = ("show_region_header", "show_region_toolbar", "show_region_ui", "show_gizmo")


class OverPicture:
    """Shows the newest picture, and the avatar where the actor's head is in it."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        """Raises `InputError` where there is no room for pictures."""
        self.board = PictureBoard()
        self._scene = scene.name
        self._count = 0
        self._size, self._opacity = (0, 0), 1.0
        self._floats: NDArray[np.float32] = np.empty(0, np.float32)
        self._fitted = (0, 0), (0, 0)
        self.is_new = True
        """Whether the window does not look through the camera yet."""

    def show(self, avatar: LiveAvatar, sample: LiveSample) -> None:
        """Show the picture of a moment."""
        picture = self.board.newest(sample.frame)
        scene = bpy.data.scenes.get(self._scene)
        if picture is None or picture.count == self._count or scene is None:
            return
        self._count = picture.count
        camera = self._camera(scene, picture)
        if sample.confidence > 0:
            watching.place(scene, camera, *avatar.seen_from(sample))

    def look(self) -> bool:
        """Let the window look through the camera, wherever Blender has put it; False where the window is gone."""
        window = _window()
        if window is None:
            return False
        area = window.screen.areas[0]
        camera, _ = self._made()
        self.is_new = camera is None
        if area.type == "VIEW_3D" and camera is not None:
            space = area.spaces[0]
            if space.camera != camera:
                space.use_local_camera, space.camera = True, camera
                space.region_3d.view_perspective = "CAMERA"
            self._fit(window, area)
        return True

    def again(self) -> None:
        """What was made may be gone: make it anew, with the same picture."""
        self._count, self._fitted = 0, ((0, 0), (0, 0))

    def close(self) -> None:
        """Put everything back; the window closes when nothing else is going on in it."""
        watching.take_away()
        self.board.close()
        close_soon()

    def _made(self) -> tuple[bpy.types.Object | None, bpy.types.Image | None]:
        scene = bpy.data.scenes.get(self._scene)
        camera = next((ob for ob in scene.objects if watching.PROPERTY in ob), None) if scene is not None else None
        return camera, next((image for image in bpy.data.images if watching.PROPERTY in image), None)

    def _camera(self, scene: bpy.types.Scene, picture: BoardPicture) -> bpy.types.Object:
        camera, image = self._made()
        height, width = picture.rgba.shape[:2]
        wanted = (width, height), scene.understudy.live.opacity
        if camera is None or image is None or (self._size, self._opacity) != wanted:
            self._size, self._opacity = wanted
            self._floats = np.empty(width * height * 4, np.float32)
            camera, image = watching.watching_camera(scene), watching.picture_image(self._size)
            watching.show_picture(camera, image, self._opacity)
            self.is_new = True
        np.multiply(picture.rgba.reshape(-1), np.float32(1 / 255), out=self._floats)
        image.pixels.foreach_set(self._floats)
        image.update()
        watching.look_through(scene, camera, picture.focal, self._size)
        return camera

    def _fit(self, window: bpy.types.Window, area: bpy.types.Area) -> None:
        """Let the picture, rather than the scene's frame around it, fill the window."""
        region = next(region for region in area.regions if region.type == "WINDOW")
        size = region.width, region.height
        if (size, self._size) == self._fitted or min(size) <= 1 or min(self._size) < 1:
            return
        self._fitted = size, self._size
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.view3d.view_center_camera()
        frame = watching.frame_aspect(window.scene)
        own, room = self._size[0] / self._size[1], size[0] / size[1]
        larger = (max(room, frame) / max(room, own)) * max(own / frame, 1.0)
        view = area.spaces[0].region_3d
        # Blender's zoom of a camera's view: sizes go with (sqrt(2) + zoom / 50) squared.
        view.view_camera_zoom = (math.sqrt(larger) * (math.sqrt(2) + view.view_camera_zoom / 50) - math.sqrt(2)) * 50


def open_window(context: bpy.types.Context) -> None:
    """Open the window; raises `UsageError` where Blender opens none."""
    manager = context.window_manager
    if any(area.type == "PREFERENCES" for window in manager.windows for area in window.screen.areas):
        raise UsageError("Close the Preferences first; the picture needs a window like theirs.")
    shading = context.space_data.shading if context.area is not None and context.area.type == "VIEW_3D" else None
    before = list(manager.windows)
    # The one window of Blender that leaves nothing behind when it closes; its editor can be changed.
    bpy.ops.screen.userpref_show("INVOKE_DEFAULT")
    window = next((one for one in manager.windows if one not in before), None)
    if window is None:
        raise UsageError("Blender opens no further window; choose that the Preferences open in a window.")
    window.screen.name = WINDOW
    area = window.screen.areas[0]
    area.type = "VIEW_3D"
    space = area.spaces[0]
    for name in _HIDDEN:
        setattr(space, name, False)
    for name in (one.identifier for one in space.overlay.bl_rna.properties if one.identifier.startswith("show_")):
        with suppress(AttributeError, TypeError):
            setattr(space.overlay, name, name == "show_overlays")
    if shading is not None and shading.type != "WIREFRAME":
        space.shading.type = shading.type
    space.shading.color_type = "TEXTURE"


def close_soon() -> None:
    """Close every window of ours, also those that came with a file, as soon as Blender has done what it does now."""
    if _window() is not None:
        bpy.app.timers.register(_close, first_interval=0.0, persistent=True)


def _close() -> None:
    while (window := _window()) is not None:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()


def _window() -> bpy.types.Window | None:
    windows = bpy.context.window_manager.windows if bpy.context.window_manager is not None else ()
    return next((one for one in windows if one.screen is not None and one.screen.name.startswith(WINDOW)), None)
