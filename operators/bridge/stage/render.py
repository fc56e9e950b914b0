"""Renders the avatar alone, one RGBA picture for each frame of the footage, ready to go over it.

`DIR/frame_{index:06d}.png` is the picture of source frame `index`: 8 bits, straight alpha, the size of the footage. A
frame in
which no face was seen is fully transparent. `DIR/landmarks.npz` holds where the avatar's landmarks are in each
picture, and
`DIR/rendered.jsonl` what each picture was made from: rendering again keeps every whole picture whose avatar has not
moved.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ....inference.defaults import SAMPLES
from ....inference.errors import InputError, MissingComponentError, UsageError
from ....inference.files import write_whole
from ....inference.progress import Progress, silent
from ....inference.take import Take
from .. import compat, png
from ..keys import timing
from ..rigs.rig import belongings
from .project import GEOMETRY, camera_projection, find_landmarks, project, world_points
from .shot import shot_avatar

BORDER_PX = 4
"""Room around the avatar for the pixel filter."""
LOG = "rendered.jsonl"
LANDMARKS = "landmarks.npz"


@dataclass(frozen=True)
class RenderReport:
    """How many pictures were made, kept from an earlier run, and left empty because no face was seen."""

    rendered: int
    kept: int
    empty: int


@dataclass(frozen=True)
class _Pose:
    """The avatar in one frame, in pixels."""

    box: tuple[float, float, float, float] | None
    """x0, y0, x1, y1 of what can be seen, as fractions of the picture from its lower left; None when nothing is
    inside.
    """
    landmarks_px: NDArray[np.float32] | None
    digest: str


def render_shot(
    scene: bpy.types.Scene,
    take: Take,
    out_dir: Path,
    frames: tuple[int, int] | None = None,
    engine: str = "cycles",
    progress: Progress = silent,
    *,
    samples: int = SAMPLES,
    overwrite: bool = False,
) -> RenderReport:
    """Render the shot that `setup_shot` made; `frames` are the first and last index in the source file, both included.

    Every picture lands whole or not at all. With `overwrite` pictures of an earlier run are made again.
    """
    avatar = _ready_avatar(scene, engine)
    chosen = _chosen_frames(take, frames)
    scene_frames = timing.take_frames(take, scene)
    folder = _make_folder(out_dir)
    if overwrite:
        (folder / LOG).unlink(missing_ok=True)
    done = _read_log(folder)
    counts = dict.fromkeys(("rendered", "kept", "empty"), 0)
    landmarks: dict[int, NDArray[np.float32]] = {}
    own = sorted(belongings(avatar), key=lambda ob: ob.name)
    with _render_settings(scene, take, engine, samples), _alone(scene, set(own)), _one_camera(scene):
        for step, position in enumerate(chosen):
            index = int(take.frame_index[position])
            target = folder / f"frame_{index:06d}.png"
            pose = None
            if take.confidence[position] > 0:
                pose = _pose(scene, own, float(scene_frames[position]), f"{engine} {samples}")
                if pose.landmarks_px is not None:
                    landmarks[index] = pose.landmarks_px
            digest = pose.digest if pose is not None else "empty"
            if done.get(index) == digest and png.is_whole(target, take.frame_size):
                counts["kept"] += 1
            else:
                counts[_make_picture(scene, target, pose, take.frame_size)] += 1
                _append_log(folder, index, digest)
            progress("render", step + 1, len(chosen))
    if landmarks:
        _write_landmarks(folder, landmarks)
    return RenderReport(**counts)


def _ready_avatar(scene: bpy.types.Scene, engine: str) -> bpy.types.Object:
    if engine not in compat.ENGINES:
        raise UsageError(f"There is no engine '{engine}'; choose from {', '.join(compat.ENGINES)}.")
    avatar = shot_avatar(scene)
    if avatar is None or scene.camera is None:
        raise UsageError("The scene is not set up for the shot; set it up with the take and the footage first.")
    problem = compat.graphics_problem() if engine != "cycles" else None
    if problem:
        raise MissingComponentError(
            f"{engine} needs OpenGL but {problem}; install a driver (libegl1, Mesa) or use cycles."
        )
    return avatar


def _chosen_frames(take: Take, frames: tuple[int, int] | None) -> list[int]:
    """Positions in the take of the frames to render."""
    first, last = frames or (int(take.frame_index[0]), int(take.frame_index[-1]))
    chosen = np.flatnonzero((take.frame_index >= first) & (take.frame_index <= last))
    if not len(chosen):
        raise UsageError(
            f"The take has no frame from {first} to {last}; it covers {take.frame_index[0]} to {take.frame_index[-1]}."
        )
    return [int(position) for position in chosen]


def _make_folder(out_dir: Path) -> Path:
    folder = Path(out_dir).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror}; choose a folder you can write to.") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"Cannot write to {folder}; choose a folder you can write to.")
    return folder


def _pose(scene: bpy.types.Scene, own: list[bpy.types.Object], frame: float, settings: str) -> _Pose:
    """Put the scene at a frame and see where the avatar is in the picture."""
    scene.frame_set(int(frame), subframe=frame - int(frame))
    graph = bpy.context.evaluated_depsgraph_get()
    projection = camera_projection(scene, graph)
    visible = [ob for ob in own if ob.type in GEOMETRY and not ob.hide_render]
    points = np.concatenate([project(world_points(ob, graph), projection) for ob in visible])
    marked = find_landmarks(ob for ob in visible if ob.evaluated_get(graph).is_evaluated)
    landmarks = None
    if marked is not None:
        landmarks = project(world_points(marked[0], graph)[marked[1]], projection)[:, :2].astype(np.float32)
    digest = hashlib.sha1(np.round(points, 3).tobytes(), usedforsecurity=False)
    digest.update(settings.encode())
    size = (scene.render.resolution_x, scene.render.resolution_y)
    return _Pose(_border(points, size), landmarks, digest.hexdigest())


def _border(points: NDArray[np.float64], size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """The part of the picture that the points (N, 3) can cover; all of it when some are beside or behind the camera."""
    if np.isnan(points).any():
        return 0.0, 0.0, 1.0, 1.0
    width, height = size
    x0, y0 = points[:, :2].min(0) - BORDER_PX
    x1, y1 = points[:, :2].max(0) + BORDER_PX
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return None
    left, right = max(x0, 0.0) / width, min(x1, width) / width
    bottom, top = 1 - min(y1, height) / height, 1 - max(y0, 0.0) / height
    return float(left), float(bottom), float(right), float(top)


def _make_picture(scene: bpy.types.Scene, target: Path, pose: _Pose | None, size: tuple[int, int]) -> str:
    """Render or write one picture and give it its name; returns which of the report's counts it adds to."""
    partial = target.with_name(f"{target.stem}.partial.png")
    render = scene.render
    try:
        if pose is None or pose.box is None:
            partial.write_bytes(png.empty(size))
        else:
            render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y = pose.box
            render.filepath = str(partial)
            bpy.ops.render.render(write_still=True, scene=scene.name)
        if not png.is_whole(partial, size):
            raise InputError(
                f"Blender could not write {target}; check that the disk has room and the folder can be written to."
            )
        partial.replace(target)
    except (OSError, RuntimeError) as error:
        raise InputError(f"Cannot render {target}: {str(error).strip()}; check the disk and the scene.") from error
    finally:
        partial.unlink(missing_ok=True)
    return "empty" if pose is None else "rendered"


@contextmanager
def _render_settings(scene: bpy.types.Scene, take: Take, engine: str, samples: int) -> Iterator[None]:
    """The scene's render settings for this job; the user's own come back afterwards."""
    render, cycles = scene.render, scene.cycles
    wanted = [
        (render, "engine", compat.engine_id(engine)),
        (render, "resolution_x", take.frame_size[0]),
        (render, "resolution_y", take.frame_size[1]),
        (render, "resolution_percentage", 100),
        (render, "film_transparent", True),
        (render, "use_border", True),
        (render, "use_crop_to_border", False),
        (render, "use_persistent_data", True),
        (render, "use_file_extension", True),
        (render, "use_overwrite", True),
        (render, "use_placeholder", False),
        (render, "use_compositing", False),
        (render, "use_sequencer", False),
        (render, "use_stamp", False),
        (render, "dither_intensity", 0.0),
        (render, "filepath", render.filepath),
        *((render, f"border_{end}", getattr(render, f"border_{end}")) for end in ("min_x", "min_y", "max_x", "max_y")),
        *_still_settings(render.image_settings),
        (cycles, "samples", samples),
        (cycles, "use_adaptive_sampling", False),
        *_denoising(cycles),
        (cycles, "seed", 0),
        (cycles, "max_bounces", 4),
        (scene.eevee, "taa_render_samples", samples),
    ]
    frame, subframe = scene.frame_current, scene.frame_subframe
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in wanted]
    try:
        for owner, name, value in wanted:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:  # the kind of media comes before its format
            setattr(owner, name, value)
        scene.frame_set(frame, subframe=subframe)


def _denoising(cycles: bpy.types.PropertyGroup) -> list[tuple[bpy.types.PropertyGroup, str, object]]:
    """Intel's denoiser; none in builds of Blender that came without, as those of some Linux distributions."""
    if not cycles.denoiser:
        return [(cycles, "use_denoising", False)]
    return [
        (cycles, "use_denoising", True),
        (cycles, "denoiser", "OPENIMAGEDENOISE"),
        (cycles, "denoising_prefilter", "FAST"),
    ]


def _still_settings(image: bpy.types.ImageFormatSettings) -> list[tuple[bpy.types.ImageFormatSettings, str, object]]:
    """8-bit RGBA PNG with the scene's own view transform; Blender 5.0 asks for the kind of media first."""
    media = [(image, "media_type", "IMAGE")] if "media_type" in image.bl_rna.properties else []
    return [
        *media,
        (image, "file_format", "PNG"),
        (image, "color_mode", "RGBA"),
        (image, "color_depth", "8"),
        (image, "compression", 15),
        (image, "color_management", "FOLLOW_SCENE"),
    ]


@contextmanager
def _alone(scene: bpy.types.Scene, own: set[bpy.types.Object]) -> Iterator[None]:
    """Hide everything from the render that is neither the avatar nor a light."""
    others = [ob for ob in scene.objects if ob.type in GEOMETRY and ob not in own and not ob.hide_render]
    try:
        for ob in others:
            ob.hide_render = True
        yield
    finally:
        for ob in others:
            ob.hide_render = False


@contextmanager
def _one_camera(scene: bpy.types.Scene) -> Iterator[None]:
    """Film with the shot's camera alone where markers of the timeline switch to others."""
    switches = [(marker, marker.camera) for marker in scene.timeline_markers if marker.camera is not None]
    before = scene.camera
    own = next((ob for ob in scene.objects if ob.type == "CAMERA" and "understudy_camera" in ob), before)
    try:
        for marker, _ in switches:
            marker.camera = None
        if switches:
            scene.camera = own
        yield
    finally:
        for marker, camera in switches:
            marker.camera = camera
        scene.camera = before


def _read_log(folder: Path) -> dict[int, str]:
    """What each picture of an earlier run was made from; a line cut short by a crash does not count."""
    done: dict[int, str] = {}
    try:
        lines = (folder / LOG).read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return done
    for line in lines:
        try:
            entry = json.loads(line)
            done[int(entry["frame"])] = str(entry["digest"])
        except (ValueError, KeyError, TypeError):
            continue
    return done


def _append_log(folder: Path, index: int, digest: str) -> None:
    try:
        with (folder / LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"frame": index, "digest": digest}) + "\n")
    except OSError as error:
        raise InputError(f"Cannot write {folder / LOG}: {error.strerror}; make room on the disk.") from error


def _write_landmarks(folder: Path, landmarks: dict[int, NDArray[np.float32]]) -> None:
    """Write `frame_index` (N,) and `landmarks_px` (N, 478, 2), keeping frames that an earlier run of another range
    wrote.
    """
    path = folder / LANDMARKS
    landmarks = _read_landmarks(path) | landmarks
    index = sorted(landmarks)
    archive = io.BytesIO()
    np.savez_compressed(
        archive, frame_index=np.array(index, np.int64), landmarks_px=np.stack([landmarks[key] for key in index])
    )
    write_whole(path, archive.getvalue())


def _read_landmarks(path: Path) -> dict[int, NDArray[np.float32]]:
    """What an earlier run wrote; a damaged file is as good as none."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(zip(stored["frame_index"].tolist(), stored["landmarks_px"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
