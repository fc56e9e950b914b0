"""``understudy run`` and ``understudy demo``: the whole job on one shot."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .composite_words import add_composite, composite_options
from .words import (
    Commands,
    Parser,
    add_avatar,
    add_capture,
    add_command,
    add_engine,
    avatar_of,
    capture_options,
    need_file,
)

if TYPE_CHECKING:
    from ..jobs.console import Console
    from ..jobs.shot import ShotOptions

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
SAMPLE_TRUTH = SAMPLE.with_suffix(".truth.npz")


def add(commands: Commands) -> None:
    """The words of both."""
    whole = add_command(commands, "run", run, "the whole job on one shot, resumable")
    whole.add_argument("video", type=Path)
    whole.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    _add_whole_job(whole)

    demo = add_command(commands, "demo", run_demo, "the whole job on the clip that ships with the project")
    demo.add_argument("--video", type=Path, help="another clip")
    demo.add_argument("-o", "--output", type=Path, metavar="DIR", help="default: out/CLIP")
    _add_whole_job(demo)


def run(options: argparse.Namespace, console: Console) -> None:
    """The whole job on the user's video."""
    _whole_job(options.video, options.output, None, options, console)


def run_demo(options: argparse.Namespace, console: Console) -> None:
    """The whole job on the sample, with a score against its known truth."""
    video = options.video or SAMPLE
    truth = SAMPLE_TRUTH if options.video is None else None
    _whole_job(video, options.output or Path("out") / video.stem, truth, options, console)


def _add_whole_job(parser: Parser) -> None:
    add_capture(parser)
    add_avatar(parser)
    add_engine(parser)
    add_composite(parser)


def _whole_job(video: Path, folder: Path, truth: Path | None, options: argparse.Namespace, console: Console) -> None:
    need_file(video, "video")
    from ..jobs.shot import run_shot

    result = run_shot(video, folder, _shot_options(options, folder / "figures", truth), console)
    for name, value in result.figures.items():
        text = f"  {name}: {value:.3f}" if isinstance(value, float) else f"  {name}: {value}"
        console.say("figure", text, name=name, value=value)
    for sentence in result.notes:
        console.say("note", sentence)
    console.say("done", f"Open {result.files.report} for the whole story.", path=result.files.report)


def _shot_options(options: argparse.Namespace, report_dir: Path, truth: Path | None) -> ShotOptions:
    from ..jobs.shot import ShotOptions

    return ShotOptions(
        capture=capture_options(options),
        face=options.face,
        face_model=options.face_model,
        neutral=options.neutral,
        avatar=avatar_of(options),
        object_name=options.object,
        engine=options.engine,
        samples=options.samples,
        composite=composite_options(options, report_dir),
        truth=truth,
        consent=options.consent,
    )
