"""Landmarks over the footage: where they fall, which frame's they are, and that drawing reads no file.

Nothing can be drawn without a window; what is drawn where is tested here, the look of it in real Blender.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from understudy.inference import take as takes
from understudy.inference.landmark_lines import LINES, POINTS
from understudy.inference.take import Take
from understudy.operators.footage import following, landmark_view, take_points
from understudy.operators.footage.landmark_view import Place, box_lines, place_in_clip_editor, place_in_frame, squares

pytestmark = pytest.mark.usefixtures("addon")

MakeTake = Callable[..., Take]
CORNERS = np.array([[0, 0], [640, 0], [640, 360], [0, 360]], np.float32)
SIZE = (640, 360)


class View:
    """A Movie Clip editor's view: the picture's lower left at `corner`, `scale` pixels wide and high; whole pixels."""

    def __init__(self, corner: tuple[float, float], scale: tuple[float, float]) -> None:
        self.corner, self.scale = corner, scale

    def view_to_region(self, x: float, y: float, clip: bool = True) -> tuple[int, int]:
        assert not clip
        return int(self.corner[0] + x * self.scale[0]), int(self.corner[1] + y * self.scale[1])


@pytest.mark.parametrize("corner", [(0.0, 0.0), (31.7, -220.4), (-905.3, 88.1)])
@pytest.mark.parametrize("zoom", [0.13, 1.0, 7.31])
def test_landmarks_follow_zoom_and_pan_of_the_clip_editor(corner: tuple[float, float], zoom: float) -> None:
    place = place_in_clip_editor(View(corner, (640 * zoom, 360 * zoom)))
    seen = place.of(np.array([[0, 360], [640, 0], [320, 180], [100, 50]], np.float32), SIZE)
    expected = np.array(corner) + zoom * np.array([[0, 0], [640, 360], [320, 180], [100, 310]])
    assert np.abs(seen - expected).max() < 1.1  # Blender itself counts in whole pixels


def test_pixels_that_are_not_square_are_stretched_as_the_clip_is() -> None:
    place = place_in_clip_editor(View((10, 20), (1280, 360)))
    assert np.allclose(place.of(np.array([[320, 180]], np.float32), SIZE), [[650, 200]], atol=0.6)


FRAME = np.array([[100.0, 50.0], [740.0, 50.0], [100.0, 410.0]])


def test_a_background_fills_the_cameras_frame() -> None:
    place = place_in_frame(FRAME, "STRETCH", (100, 100))
    assert np.allclose(place.of(CORNERS, SIZE), [[100, 410], [740, 410], [740, 50], [100, 50]])


@pytest.mark.parametrize(
    ("method", "size", "box"),
    [
        ("FIT", (360, 360), (240, 50, 600, 410)),  # taller than the frame: as high as it
        ("CROP", (360, 360), (100, -90, 740, 550)),
        ("FIT", (1280, 360), (100, 140, 740, 320)),  # wider: as wide as it
        ("CROP", (1280, 360), (-220, 50, 1060, 410)),
        ("FIT", (1280, 720), (100, 50, 740, 410)),
    ],
)
def test_a_background_of_another_shape_keeps_it(method: str, size: tuple[int, int], box: tuple[int, ...]) -> None:
    place = place_in_frame(FRAME, method, size)
    corners = np.array([[0, size[1]], [size[0], 0]], np.float32)
    assert np.allclose(place.of(corners, size).ravel(), box)


def test_a_turned_frame_turns_the_landmarks() -> None:
    turned = np.array([[0.0, 0.0], [0.0, 640.0], [-360.0, 0.0]])  # the view is rolled by 90 degrees
    assert np.allclose(place_in_frame(turned, "STRETCH", SIZE).of(CORNERS, SIZE)[3], [0, 0])
    assert np.allclose(place_in_frame(turned, "STRETCH", SIZE).of(CORNERS, SIZE)[2], [0, 640])


def test_boxes_and_points_become_lines_and_triangles() -> None:
    place = Place(np.zeros(2), np.array([640.0, 0.0]), np.array([0.0, 360.0]))
    lines = box_lines((10, 20, 30, 60), place, SIZE)
    assert lines.shape == (8, 2)
    assert {tuple(corner) for corner in lines.tolist()} == {(10, 340), (30, 340), (30, 300), (10, 300)}
    lengths = np.linalg.norm(lines[::2] - lines[1::2], axis=1)
    assert sorted(lengths) == pytest.approx([20, 20, 40, 40])
    triangles = squares(np.array([[5, 5], [np.nan, 1]], np.float32), 2.0)
    assert triangles.shape == (6, 2)
    assert (triangles.min(), triangles.max()) == (3, 7)


def test_the_lines_of_a_face_join_neighbours(make_take: MakeTake, shared: Path) -> None:
    assert LINES.min() >= 0
    assert LINES.max() < 478
    assert len(np.unique(np.sort(LINES, axis=1), axis=0)) == len(LINES)
    assert POINTS.max() < 478
    from understudy.inference.capture import shot
    from understudy.inference.media import read_frames

    frame = next(iter(read_frames(shared / "data" / "clips" / "d18.mp4", 0, 1)))
    (face,) = shot.detect_landmarks(frame.rgb)
    lengths = np.linalg.norm(face.points_px[LINES[:, 0]] - face.points_px[LINES[:, 1]], axis=1)
    assert lengths.max() < 0.2 * np.ptp(face.points_px, axis=0).max(), "a wrong number joins distant points"


def test_the_frame_of_a_take_is_found_by_the_frame_of_the_footage(make_take: MakeTake) -> None:
    take = make_take(frames=5, frame_index=np.arange(10, 15), confidence=np.array([1, 1, 0, 1, 1], np.float32))
    shown = take_points.of_take(take)
    assert [shown.row(frame) for frame in (9, 10, 11, 12, 13, 14, 15)] == [None, 0, 1, None, 3, 4, None]
    trimmed = replace(take, time_s=take.time_s + 3.0)  # a take that begins later in its footage
    assert take_points.of_take(trimmed).row(13) == 3


def test_a_varying_rate_is_followed_by_time(make_take: MakeTake) -> None:
    times = np.array([0.0, 0.04, 0.2, 0.24])  # one frame that lasts for four of a player
    shown = take_points.of_take(make_take(frames=4, time_s=times))
    assert [shown.row(frame) for frame in range(8)] == [0, 1, 1, 1, 1, 2, 3, None]
    assert [shown.row(2 * frame, 50.0) for frame in range(8)] == [0, 1, 1, 1, 1, 2, 3, None]


def test_rounded_times_do_not_shift_frames(make_take: MakeTake) -> None:
    times = np.round(np.arange(50) / 30, 3)  # as Matroska keeps them
    from fractions import Fraction

    shown = take_points.of_take(make_take(frames=50, fps=Fraction(30), time_s=times))
    assert [shown.row(frame) for frame in range(50)] == list(range(50))


def test_drawing_reads_no_file(make_take: MakeTake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.take.npz"
    takes.save(make_take(), path)
    timers, told = [], []
    monkeypatch.setattr(bpy.app.timers, "register", lambda function, **_: timers.append(function), raising=False)
    monkeypatch.setattr(takes, "load", lambda _: pytest.fail("read while drawing"))
    for _ in range(3):
        assert take_points.find(path, lambda: told.append(1)) is None
    assert len(timers) == 1
    monkeypatch.undo()
    assert timers[0]() is None
    assert told == [1]
    assert take_points.find(path, told.clear).row(0) == 0


def test_a_take_that_cannot_be_read_is_not_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "none.npz"
    take_points._read_now(path, lambda: None)  # never wanted: nothing is read
    assert str(path) not in take_points._read
    take_points._wanted.add(str(path))
    take_points._read_now(path, lambda: None)
    assert take_points.find(path, lambda: None) is None
    assert str(path) not in take_points._wanted


def test_few_takes_stay_in_memory(make_take: MakeTake) -> None:
    for number in range(9):
        take_points.remember(Path(f"/{number}.npz"), make_take(frames=2))
    assert set(take_points._read) == {"/6.npz", "/7.npz", "/8.npz"}


def test_handlers_come_and_go_with_the_extension() -> None:
    assert len(landmark_view._handlers) == 2
    landmark_view.unregister()
    assert landmark_view._handlers == []
    assert take_points._read == {}
    landmark_view.register()


def test_only_the_shots_own_clip_gets_landmarks(scene, footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.understudy.footage = str(footage)
    drawn = []
    monkeypatch.setattr(landmark_view, "_draw", lambda region, settings, frame, *_: drawn.append(frame))
    user = SimpleNamespace(frame_current=2)
    space = SimpleNamespace(clip=scene.understudy.clip, view="CLIP", clip_user=user)
    context = SimpleNamespace(space_data=space, scene=scene, region=None)
    monkeypatch.setattr(landmark_view, "bpy", SimpleNamespace(context=context, types=bpy.types))
    scene.frame_set(1)
    landmark_view._draw_in_clip_editor()
    assert drawn == [1]
    space.view = "GRAPH"
    landmark_view._draw_in_clip_editor()
    space.view, space.clip = "CLIP", None
    landmark_view._draw_in_clip_editor()
    assert drawn == [1]


class Timers:
    """Blender's timers, called by hand: without a window nobody calls them."""

    def __init__(self) -> None:
        self.function: Callable[[], float | None] | None = None

    def is_registered(self, function: object) -> bool:
        return self.function is function

    def register(self, function: Callable[[], float | None], first_interval: float) -> None:
        self.function = function

    def unregister(self, function: object) -> None:
        self.function = None

    def tick(self) -> None:
        assert self.function is not None
        if self.function() is None:
            self.function = None


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A job that has read frame `frame`; None when there is none."""
    state = SimpleNamespace(frame=0, timers=Timers())
    points = np.ones((478, 2), np.float32)
    monkeypatch.setattr(
        following.job, "latest_landmarks", lambda: None if state.frame is None else (state.frame, points)
    )
    app = SimpleNamespace(timers=state.timers)
    monkeypatch.setattr(following, "bpy", SimpleNamespace(app=app, data=bpy.data))
    return state


def test_the_scene_follows_a_job_and_comes_back(scene, footage: Path, live: SimpleNamespace) -> None:
    scene.understudy.footage = str(footage)
    scene.frame_set(7)
    assert following.follow(scene)[0] == 0
    live.timers.tick()
    assert scene.frame_current == 1
    live.frame = 1
    assert following.follow(scene)[0] == 0, "the picture that is shown is of frame 0 still"
    live.timers.tick()
    assert (following.follow(scene)[0], scene.frame_current) == (1, 2)
    live.frame = None
    live.timers.tick()
    assert scene.frame_current == 7
    assert live.timers.function is None


def test_a_user_who_moves_in_time_is_left_alone(scene, footage: Path, live: SimpleNamespace) -> None:
    scene.understudy.footage = str(footage)
    following.follow(scene)
    live.timers.tick()
    scene.frame_set(40)
    live.frame = 1
    live.timers.tick()
    assert following.follow(scene)[0] == 1, "the newest landmarks, over another frame"
    live.frame = None
    live.timers.tick()
    assert scene.frame_current == 40
    live.frame, scene.understudy.follow_tracking = 1, False
    following.follow(scene)
    assert live.timers.function is None


def test_the_camera_view_shows_landmarks_when_asked_to(scene, footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = scene.understudy
    settings.footage = str(footage)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    background = camera.data.background_images.new()
    background.source, background.clip = "MOVIE_CLIP", settings.clip
    camera.data.show_background_images = True
    drawn = []
    monkeypatch.setattr(landmark_view, "_draw", lambda region, settings, frame, *_: drawn.append(frame))
    view = SimpleNamespace(view_perspective="CAMERA")
    space = SimpleNamespace(use_local_camera=False, overlay=SimpleNamespace(show_overlays=True))
    context = SimpleNamespace(space_data=space, scene=scene, region=None, region_data=view)
    monkeypatch.setattr(landmark_view, "bpy", SimpleNamespace(context=context, types=bpy.types))
    scene.frame_set(2)
    landmark_view._draw_in_camera_view()
    assert drawn == []
    settings.show_in_camera = True
    landmark_view._draw_in_camera_view()
    assert drawn == [1]
    for owner, name, off in (
        (view, "view_perspective", "PERSP"),
        (space.overlay, "show_overlays", False),
        (background, "show_background_image", False),
        (camera.data, "show_background_images", False),
    ):
        on = getattr(owner, name)
        setattr(owner, name, off)
        landmark_view._draw_in_camera_view()
        assert drawn == [1]
        setattr(owner, name, on)
