"""The command line: ``understudy doctor | models | track | bake | render | composite | run | demo | bench``.

Exit codes: 0 done, 2 wrong use, 3 bad input, 4 missing component, 130 stopped.
Heavy rooms are imported when a command needs them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from .errors import InputError, StoppedError, UnderstudyError, UsageError

if TYPE_CHECKING:
    from .capture.shot import CaptureOptions
    from .composite import CompositeOptions
    from .jobs.console import Console
    from .jobs.shot import ShotOptions

ENGINES = ("cycles", "eevee", "workbench")
SAMPLE = Path(__file__).resolve().parents[1] / "samples" / "performance.mp4"
SAMPLE_TRUTH = SAMPLE.with_suffix(".truth.npz")


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are `UsageError`s, so that every error leaves by the same door."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see '{self.prog} --help'.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # The solver's matrices are small: on more threads BLAS takes twice the CPU time for the same wall time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from .jobs.console import JsonConsole, TerminalConsole

    console: Console = JsonConsole() if "--json" in words else TerminalConsole()
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = lambda message, *_, **__: console.say("warning", str(message))
    try:
        options = build_parser().parse_args(words)
        options.run(options, console)
    except UnderstudyError as error:
        console.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.fail(StoppedError("Stopped; run the same command again to go on where possible."))
        return StoppedError.exit_code
    finally:
        console.close()
    return 0


def _stop(signal_number: int, frame: FrameType | None) -> NoReturn:
    """A polite kill ends like Ctrl-C."""
    raise KeyboardInterrupt


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(prog="understudy", description="Drive 3D avatars from video and put them back into the shot.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    _command(commands, "doctor", _doctor, "what runs here, and why the GPU is or is not used")

    models = _command(commands, "models", _models, "list, verify, fetch or add model files")
    models.add_argument("action", choices=("list", "verify", "fetch", "add"))
    models.add_argument("subject", nargs="?", metavar="NAME|FILE", help="the model to fetch, or your own file to add")

    track = _command(commands, "track", _track, "video in, take out")
    track.add_argument("video", type=Path)
    track.add_argument("-o", "--output", type=Path, required=True, metavar="TAKE.npz")
    track.add_argument("--csv", type=Path, help="also write a Live Link Face CSV")
    _add_capture(track)
    _add_overwrite(track)

    bake = _command(commands, "bake", _bake, "put a take onto an avatar as keyframes")
    bake.add_argument("take", type=Path)
    bake.add_argument("-o", "--output", type=Path, metavar="OUT.blend", help="default: TAKE.blend beside the take")
    bake.add_argument("--footage", type=Path, help="set up the matching camera with this footage behind it")
    _add_avatar(bake)
    _add_overwrite(bake)

    render = _command(commands, "render", _render, "render the avatar as RGBA frames")
    render.add_argument("take", type=Path)
    render.add_argument("--blend", type=Path, required=True)
    render.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    render.add_argument(
        "--frames", type=_frame_range, metavar="A-B", help="first and last frame of the footage, from 0"
    )
    _add_engine(render)

    composite = _command(commands, "composite", _composite, "put rendered frames back into the footage")
    composite.add_argument("footage", type=Path)
    composite.add_argument("--take", type=Path, required=True)
    composite.add_argument("--render", type=Path, required=True, metavar="DIR")
    composite.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    composite.add_argument("--report", type=Path, metavar="DIR", help="write figures of the composite there")
    _add_composite(composite)
    _add_device(composite)
    _add_overwrite(composite)

    run = _command(commands, "run", _run, "the whole job on one shot, resumable")
    run.add_argument("video", type=Path)
    run.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    _add_whole_job(run)

    demo = _command(commands, "demo", _demo, "the whole job on the clip that ships with the project")
    demo.add_argument("--video", type=Path, help="another clip")
    demo.add_argument("-o", "--output", type=Path, metavar="DIR", help="default: out/CLIP")
    _add_whole_job(demo)

    bench = _command(commands, "bench", _bench, "side-by-side figures; needs the source checkout")
    bench.add_argument("name", nargs="?", help="a benchmark, accuracy for one; without a name, what there is")
    bench.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="its own arguments")
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser], name: str, function: object, summary: str
) -> argparse.ArgumentParser:
    """Add one subcommand with what all of them share."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="every event is one JSON line")
    parser.set_defaults(run=function)
    return parser


def _add_capture(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--face-model", default="default", metavar="MODEL", help="default, ict:DIR, flame:FILE or bfm:FILE"
    )
    parser.add_argument("--faces", type=_count_from(1), default=1, metavar="N", help="how many faces to follow")
    parser.add_argument(
        "--face", type=_count_from(0), default=0, metavar="K", help="which of them performs; 0 is the most prominent"
    )
    parser.add_argument("--quality", choices=("fast", "standard", "high"), default="standard")
    parser.add_argument("--frames", type=_frame_range, metavar="A-B", help="first and last frame, from 0")
    parser.add_argument(
        "--neutral", type=_frame_range, metavar="A[-B]", help="frames in which the face is neutral; default: found"
    )
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda:0|...")


def _add_avatar(parser: argparse.ArgumentParser) -> None:
    avatar = parser.add_mutually_exclusive_group()
    avatar.add_argument("--avatar", default="default", metavar="default|ict:DIR", help="build this avatar")
    avatar.add_argument("--blend", type=Path, metavar="IN.blend", help="your own avatar file")
    parser.add_argument("--object", metavar="NAME", help="the avatar's object in that file")


def _add_composite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stages", type=_stages, metavar="swap,colour,poisson,enhance", help="default: all of them")


def _add_whole_job(parser: argparse.ArgumentParser) -> None:
    _add_capture(parser)
    _add_avatar(parser)
    _add_engine(parser)
    _add_composite(parser)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument(
        "--samples", type=_count_from(1), default=4, metavar="N", help="samples per pixel, before denoising"
    )


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace the output when it exists")


def _frame_range(text: str) -> tuple[int, int]:
    """``A-B`` or ``A``, both inclusive."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not first.isdecimal() or not last.isdecimal() or int(last) < int(first):
        raise argparse.ArgumentTypeError(f"'{text}' is not a frame range like 10-42")
    return int(first), int(last)


def _count_from(lowest: int) -> Callable[[str], int]:
    """A whole number that is not below `lowest`."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {lowest} up")
        return int(text)

    return number


def _stages(text: str) -> tuple[str, ...]:
    from .composite import STAGES

    chosen = tuple(part for part in text.split(",") if part)
    unknown = sorted(set(chosen) - set(STAGES))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown stage {', '.join(unknown)}; choose from {', '.join(STAGES)}")
    return tuple(stage for stage in STAGES if stage in chosen)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; add --overwrite to replace it or choose another name.")


def _need_file(path: Path, what: str) -> None:
    if not path.is_file():
        raise InputError(f"There is no {what} at {path}; check the path.")


def _avatar(options: argparse.Namespace) -> str:
    """The avatar that the words mean; what is wrong with it is said before the long work."""
    if options.blend is None:
        return _built_avatar(options)
    _need_file(options.blend, "avatar file")
    if options.blend.suffix != ".blend":
        raise UsageError(f"{options.blend} is not a .blend file; give the Blender file that holds your avatar.")
    return str(options.blend)


def _built_avatar(options: argparse.Namespace) -> str:
    """The avatar to build."""
    if options.object is not None:
        raise UsageError("--object needs --blend: it names an object in that file.")
    spec = str(options.avatar)
    folder = spec.removeprefix("ict:")
    if spec == folder and spec != "default":
        raise UsageError(
            f"There is no avatar '{spec}'; choose default or ict:DIR with the folder of an ICT-FaceKit model."
        )
    if spec != folder and not Path(folder).is_dir():
        raise InputError(f"There is no folder {folder}; name the folder of an ICT-FaceKit model.")
    return spec


def _capture_options(options: argparse.Namespace) -> CaptureOptions:
    from .capture.shot import CaptureOptions

    faces = max(options.faces, options.face + 1)
    return CaptureOptions(max_faces=faces, quality=options.quality, device=options.device, frames=options.frames)


def _composite_options(options: argparse.Namespace, report_dir: Path | None) -> CompositeOptions:
    from .composite import CompositeOptions

    if options.stages is None:
        return CompositeOptions(report_dir=report_dir, device=options.device)
    return CompositeOptions(options.stages, report_dir, device=options.device)


def _doctor(options: argparse.Namespace, console: Console) -> None:
    from .doctor import doctor

    report = doctor()
    console.say("doctor", report.text, **report.facts)


def _models(options: argparse.Namespace, console: Console) -> None:
    from .networks import store

    action, subject = options.action, options.subject
    if action in ("fetch", "add") and not subject:
        raise UsageError(f"Say what to {action}; 'understudy models list' shows what there is.")
    if action == "list":
        for line in store.list_models():
            console.say("model", line.text, **line.facts)
    elif action == "verify":
        for line in store.verify():
            console.say("model", line.text, **line.facts)
    else:
        path = store.fetch(subject, console) if action == "fetch" else store.add(Path(subject), console)
        console.say(action, f"{subject} is at {path}", path=path)


def _track(options: argparse.Namespace, console: Console) -> None:
    _need_file(options.video, "video")
    for path in filter(None, (options.output, options.csv)):
        _refuse_existing(path, options.overwrite)
    from . import livelink, take
    from .jobs.shot import track_video

    performance = track_video(
        options.video, _capture_options(options), options.face, options.face_model, console, options.neutral
    )
    take.save(performance, options.output)
    if options.csv is not None:
        livelink.write_csv(performance, options.csv)
    seen = int((performance.confidence > 0).sum())
    console.say(
        "take",
        f"{options.output}: {seen} of {len(performance)} frames with a face",
        path=options.output,
        frames=len(performance),
        seen=seen,
    )


def _bake(options: argparse.Namespace, console: Console) -> None:
    from . import take
    from .jobs.blender import bake_arguments, run_blender

    take.load(options.take)
    output = options.output or options.take.with_suffix(".blend")
    _refuse_existing(output, options.overwrite)
    if options.footage is not None:
        _need_file(options.footage, "footage")
    run_blender(bake_arguments(options.take, output, _avatar(options), options.footage, options.object), console)
    console.say("blend", f"{output}: the avatar performs the take", path=output)


def _render(options: argparse.Namespace, console: Console) -> None:
    from . import take
    from .jobs.blender import render_arguments, run_blender

    take.load(options.take)
    _need_file(options.blend, "Blender file")
    chosen = (options.engine, options.samples, options.frames)
    run_blender(render_arguments(options.take, options.blend, options.output, *chosen), console)
    console.say("render", f"{options.output}: rendered", path=options.output)


def _composite(options: argparse.Namespace, console: Console) -> None:
    _need_file(options.footage, "footage")
    if not options.render.is_dir():
        raise InputError(f"There are no rendered frames at {options.render}; make them with 'understudy render'.")
    _refuse_existing(options.output, options.overwrite)
    from . import take
    from .composite import composite_shot

    chosen = _composite_options(options, options.report)
    report = composite_shot(options.footage, take.load(options.take), options.render, options.output, chosen, console)
    for sentence in report.notes:
        console.say("note", sentence)
    console.say("composite", f"{options.output}: composited", path=options.output)


def _shot_options(options: argparse.Namespace, report_dir: Path, truth: Path | None) -> ShotOptions:
    from .jobs.shot import ShotOptions

    return ShotOptions(
        capture=_capture_options(options),
        face=options.face,
        face_model=options.face_model,
        neutral=options.neutral,
        avatar=_avatar(options),
        object_name=options.object,
        engine=options.engine,
        samples=options.samples,
        composite=_composite_options(options, report_dir),
        truth=truth,
    )


def _run(options: argparse.Namespace, console: Console) -> None:
    _whole_job(options.video, options.output, None, options, console)


def _demo(options: argparse.Namespace, console: Console) -> None:
    video = options.video or SAMPLE
    truth = SAMPLE_TRUTH if options.video is None else None
    _whole_job(video, options.output or Path("out") / video.stem, truth, options, console)


def _bench(options: argparse.Namespace, console: Console) -> None:
    from .jobs.benchmarks import find_benchmarks, run_benchmark

    if options.name is None:
        for name, summary in find_benchmarks().items():
            console.say("benchmark", f"{name}: {summary}", name=name)
    else:
        run_benchmark(options.name, options.words)


def _whole_job(video: Path, folder: Path, truth: Path | None, options: argparse.Namespace, console: Console) -> None:
    _need_file(video, "video")
    from .jobs.shot import run_shot

    result = run_shot(video, folder, _shot_options(options, folder / "figures", truth), console)
    for name, value in result.figures.items():
        console.say(
            "figure",
            f"  {name}: {value:.3f}" if isinstance(value, float) else f"  {name}: {value}",
            name=name,
            value=value,
        )
    for sentence in result.notes:
        console.say("note", sentence)
    console.say("done", f"Open {result.files.report} for the whole story.", path=result.files.report)


if __name__ == "__main__":
    sys.exit(main())
