"""The program that the command line starts to work in Blender: ``add-avatar``, ``bake`` and ``render``.

Runs with the bpy module (``python -m understudy.operators.batch ARGS``) or inside Blender
(``blender --background --python batch.py -- ARGS``). With ``--json`` standard output carries one event per line, nothing
else: ``{"event": "progress", "stage", "done", "total"}``, ``{"event": "error", "message", "exit_code"}``, and at the end
``{"event": "done", ...}``. Exit codes are those of the command line. ``--frames A-B`` names frames of the source
file, counted from 0, both included.
"""

from __future__ import annotations

import sys

if not __package__:  # started by Blender as a loose script: load the folder above as the package it is
    import importlib.util
    from pathlib import Path as _Path

    _root = _Path(__file__).resolve().parents[1]
    sys.path[:] = [folder for folder in sys.path if folder != str(_root / "operators")]  # its files are no modules
    _spec = importlib.util.spec_from_file_location(
        "understudy", _root / "__init__.py", submodule_search_locations=[str(_root)]
    )
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["understudy"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["understudy"])
    __package__ = "understudy.operators"

import argparse
import contextlib
import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TextIO

from ..inference import take as takes
from ..inference.errors import InputError, MissingComponentError, StoppedError, UnderstudyError, UsageError
from ..inference.jobs.processes import follow_parent
from ..inference.take import Take

if TYPE_CHECKING:
    import bpy

ENGINES = ("cycles", "eevee", "workbench")
STOPPED = "Stopped; run the same command again to go on where possible."


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are `UsageError`s."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see --help.")


class _Events:
    """Tells whoever started the program how far it is."""

    def __init__(self, stream: TextIO, as_json: bool) -> None:
        self._stream = stream
        self._as_json = as_json

    def progress(self, stage: str, done: int, total: int) -> None:
        """A `Progress`."""
        self._say(f"{stage} {done}/{total}", event="progress", stage=stage, done=done, total=total)

    def done(self, sentence: str, **facts: object) -> None:
        """The work is finished."""
        self._say(sentence, event="done", **facts)

    def fail(self, error: UnderstudyError) -> None:
        """The work ended early; the sentence is also the last line on standard error."""
        if self._as_json:
            self._say("", event="error", message=str(error), exit_code=error.exit_code)
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()

    def _say(self, sentence: str, **event: object) -> None:
        self._stream.write((json.dumps(event, default=str) if self._as_json else sentence) + "\n")
        self._stream.flush()


def main(words: Sequence[str]) -> int:
    """Run one subcommand; returns its exit code."""
    events = _open_events("--json" in words)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _stop)
    try:
        options = build_parser().parse_args(words)
        if options.with_parent:
            follow_parent()
        _need_blender()
        options.run(options, events)
    except UnderstudyError as error:
        events.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        events.fail(StoppedError(STOPPED))
        return StoppedError.exit_code
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The program's command line."""
    parser = _Parser(prog="understudy-blender", description="Understudy's work in Blender.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    add = commands.add_parser("add-avatar", help="a file with an avatar in it")
    add.add_argument("--avatar", default="default", metavar="default|ict:DIR")
    add.add_argument("-o", "--output", type=_blend_path, required=True, metavar="OUT.blend")
    add.set_defaults(run=_add_avatar)

    bake = commands.add_parser("bake", help="an avatar that performs a take, before the camera of the shot")
    bake.add_argument("take", type=Path)
    bake.add_argument("--blend", type=Path, metavar="IN.blend", help="your own avatar file")
    bake.add_argument("--object", metavar="NAME", help="the avatar's object in that file")
    bake.add_argument(
        "--avatar", default="default", metavar="default|ict:DIR", help="the avatar to build without --blend"
    )
    bake.add_argument("--footage", type=Path, help="the video that was tracked, shown behind the camera view")
    bake.add_argument("--light", type=Path, metavar="LIGHT.json", help="light the avatar so, in place of three lamps")
    bake.add_argument("--expression-factor", type=float, default=1.0, metavar="F", help="strength of all expressions")
    bake.add_argument("-o", "--output", type=_blend_path, required=True, metavar="OUT.blend")
    bake.set_defaults(run=_bake)

    render = commands.add_parser("render", help="RGBA pictures of the avatar, one for each frame of the footage")
    render.add_argument("take", type=Path)
    render.add_argument("--blend", type=Path, required=True, metavar="IN.blend")
    render.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    render.add_argument("--frames", type=_frame_range, metavar="A-B", help="source frames, from 0, both included")
    render.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    render.add_argument("--samples", type=int, default=None, help="samples for each pixel")
    render.add_argument("--scene", metavar="NAME", help="the shot's scene; default: the one that was open")
    render.add_argument("--overwrite", action="store_true", help="render every frame again")
    render.add_argument("--trust", action="store_true", help="let the file's own scripts run, drivers for one")
    render.add_argument("--cycles-devices", default="NONE", metavar="NONE|CUDA|OPTIX|...")
    render.set_defaults(run=_render)
    for command in (add, bake, render):
        command.add_argument("--json", action="store_true", help="every event is one JSON line")
        command.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser


def _add_avatar(options: argparse.Namespace, events: _Events) -> None:
    _new_file()
    avatar = _build_avatar(options.avatar)
    _save(options.output)
    events.done(f"{options.output}: {avatar.name}", path=options.output, object=avatar.name)


def _bake(options: argparse.Namespace, events: _Events) -> None:
    with _known_avatars():
        _bake_take(options, events)


def _bake_take(options: argparse.Namespace, events: _Events) -> None:
    import bpy

    from ..inference.light.types import load_light
    from .bridge.keys.bake import bake_take
    from .bridge.stage.lights import light_as_shot
    from .bridge.stage.shot import setup_shot
    from .perform.performance import performed, settings_of, solved_weights

    take = takes.load(options.take)
    if options.footage is not None and not options.footage.is_file():
        raise InputError(f"There is no footage at {options.footage}; check the path.")
    light = load_light(options.light) if options.light is not None else None
    events.progress("bake", 0, 3)
    avatar = _open_avatar(options)
    events.progress("bake", 1, 3)
    scene, name = bpy.context.scene, options.take.stem
    footage = options.footage.resolve() if options.footage is not None else None
    camera = setup_shot(scene, avatar, take, footage, name=name, add_lights=light is None)
    if light is not None:
        bpy.context.view_layer.update()
        light_as_shot(scene, light, camera.matrix_world.to_quaternion().to_matrix())
    settings_of(avatar).adjustments.strength *= options.expression_factor
    performance, mapping = performed(avatar, take)
    weights = solved_weights(avatar, performance, mapping)
    report = bake_take(avatar, performance, mapping, scene=scene, name=name, weights=weights)
    events.progress("bake", 2, 3)
    _save(options.output)
    events.progress("bake", 3, 3)
    events.done(
        f"{options.output}: {report.shape_keys} shape keys on {report.keyed_frames} frames",
        path=options.output,
        object=avatar.name,
        shape_keys=report.shape_keys,
        keyed_frames=report.keyed_frames,
        gap_frames=report.gap_frames,
    )


def _render(options: argparse.Namespace, events: _Events) -> None:
    from ..inference.defaults import SAMPLES
    from .bridge.stage.render import render_shot
    from .bridge.stage.render_devices import NONE, use_devices

    take: Take = takes.load(options.take)
    _open(options.blend, trusted=options.trust)
    samples = SAMPLES if options.samples is None else options.samples
    if samples < 1:
        raise UsageError("--samples must be at least 1.")
    if options.cycles_devices != NONE:
        use_devices(options.cycles_devices)
    report = render_shot(
        _scene(options.scene),
        take,
        options.output,
        options.frames,
        options.engine,
        events.progress,
        samples=samples,
        overwrite=options.overwrite,
    )
    events.done(
        f"{options.output}: {report.rendered} rendered, {report.kept} kept, {report.empty} without a face",
        path=options.output,
        rendered=report.rendered,
        kept=report.kept,
        empty=report.empty,
    )


@contextlib.contextmanager
def _known_avatars() -> Iterator[None]:
    """Let this process read what is kept with avatars while this lasts: their lists of links and adjustments. An add-on
    that is enabled knows already.
    """
    import bpy

    from .avatar import controls
    from .avatar import properties as properties_avatar

    if hasattr(bpy.types.Object, "understudy"):
        yield
        return
    classes = (*controls.CLASSES, *properties_avatar.CLASSES)
    for cls in classes:
        bpy.utils.register_class(cls)
    properties_avatar.register()
    try:
        yield
    finally:
        properties_avatar.unregister()
        for cls in reversed(classes):
            bpy.utils.unregister_class(cls)


def _open_avatar(options: argparse.Namespace) -> bpy.types.Object:
    """The avatar to bake onto: the one of the file that was given, or a new one in a new file."""
    import bpy

    from .bridge.rigs.rig import find_avatar

    if options.blend is None:
        if options.object:
            raise UsageError("--object needs --blend: it names an object in that file.")
        _new_file()
        return _build_avatar(options.avatar)
    _open(options.blend)
    if not options.object:
        return find_avatar(bpy.context.scene)
    avatar = bpy.context.scene.objects.get(options.object)
    if avatar is None:
        raise UsageError(f"There is no object {options.object} in the scene of {options.blend}; check the name.")
    return avatar


def _build_avatar(spec: str) -> bpy.types.Object:
    import bpy

    from .bridge.avatars.catalogue import add_avatar

    return add_avatar(bpy.context.scene, spec)


def _new_file() -> None:
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def _scene(name: str | None) -> bpy.types.Scene:
    """The scene of that name, made the open one; without a name the open one."""
    import bpy

    if name is not None:
        scene = bpy.data.scenes.get(name)
        if scene is None:
            raise UsageError(f"There is no scene {name} in the file; check the name.")
        bpy.context.window.scene = scene
    return bpy.context.scene


def _open(blend: Path, *, trusted: bool = False) -> None:
    """Open a .blend without running what scripts it may hold, unless it is trusted."""
    import bpy

    if not blend.is_file():
        raise InputError(f"There is no Blender file at {blend}; check the path.")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(blend.resolve()), load_ui=False, use_scripts=trusted)
    except RuntimeError as error:
        raise InputError(
            f"Blender cannot open {blend}; it is damaged, no Blender file, or of a newer version."
        ) from error


def _save(output: Path) -> None:
    """Save the open file as `output` in one piece: a partial file never carries the final name."""
    import bpy

    output = output.resolve()
    partial = output.with_name(f"{output.stem}.partial.blend")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(partial), copy=True, check_existing=False, compress=True)
        partial.replace(output)
    except (OSError, RuntimeError) as error:
        raise InputError(f"Cannot write {output}; choose a folder you can write to, on a disk with room.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _blend_path(text: str) -> Path:
    if not text.endswith(".blend"):
        raise argparse.ArgumentTypeError(f"'{text}' must end with .blend")
    return Path(text)


def _frame_range(text: str) -> tuple[int, int]:
    """``A-B`` or ``A``, both inclusive."""
    first, _, last = text.partition("-")
    if not first.isdigit() or not (last or first).isdigit() or int(last or first) < int(first):
        raise argparse.ArgumentTypeError(f"'{text}' is not a frame range like 10-42")
    return int(first), int(last or first)


def _need_blender() -> None:
    try:
        import bpy  # noqa: F401
    except ImportError as error:
        raise MissingComponentError("Blender is not here; install Blender 4.2 or newer, or its bpy module.") from error


def _open_events(as_json: bool) -> _Events:
    """Events go to standard output; with JSON, Blender's own chatter is kept out of it."""
    if not as_json:
        return _Events(sys.stdout, as_json)
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)
    return _Events(events, as_json)


def _stop(signal_number: int, frame: FrameType | None) -> NoReturn:
    """A polite kill ends like Ctrl-C, after the picture that is being rendered."""
    raise KeyboardInterrupt


def _leave(code: int) -> NoReturn:
    """Leave without the interpreter's teardown, which hangs or crashes once bpy is loaded."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    try:
        code = main(arguments)
    except Exception:  # noqa: BLE001 - the last stop: the process must still leave by the one door that works
        import traceback

        traceback.print_exc()
        code = 1
    _leave(code)
