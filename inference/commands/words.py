"""Words that several subcommands share, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from ..defaults import SAMPLES
from ..errors import InputError, UsageError

if TYPE_CHECKING:
    from ..capture.shot import CaptureOptions
    from ..jobs.console import Console

ENGINES = ("cycles", "eevee", "workbench")


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are `UsageError`s, so that every error leaves by the same door."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the words."""
        raise UsageError(f"{self.prog}: {message}; see '{self.prog} --help'.")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Run: TypeAlias = "Callable[[argparse.Namespace, Console], None]"


def add_command(commands: Commands, name: str, run: Run, summary: str) -> Parser:
    """Add one subcommand with what all of them share."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="every event is one JSON line")
    parser.set_defaults(run=run)
    return parser


def add_capture(parser: Parser) -> None:
    """How to track."""
    parser.add_argument(
        "--face-model", default="default", metavar="MODEL", help="default, ict:DIR, flame:FILE or bfm:FILE"
    )
    parser.add_argument("--faces", type=count_from(1), default=1, metavar="N", help="how many faces to follow")
    parser.add_argument(
        "--face", type=count_from(0), default=0, metavar="K", help="which of them performs; 0 is the most prominent"
    )
    parser.add_argument(
        "--face-at", type=_face_at, metavar="FRAME,X,Y", help="the face at this place of this frame performs (pixels)"
    )
    parser.add_argument("--quality", choices=("fast", "standard", "high"), default="standard")
    parser.add_argument("--frames", type=frame_range, metavar="A-B", help="first and last frame, from 0")
    parser.add_argument(
        "--neutral", type=frame_range, metavar="A[-B]", help="frames in which the face is neutral; default: found"
    )
    add_device(parser)


def add_device(parser: Parser) -> None:
    """Where the networks run."""
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda:0|...")


def add_avatar(parser: Parser) -> None:
    """Who performs."""
    avatar = parser.add_mutually_exclusive_group()
    avatar.add_argument("--avatar", default="default", metavar="default|ict:DIR", help="build this avatar")
    avatar.add_argument("--blend", type=Path, metavar="IN.blend", help="your own avatar file")
    parser.add_argument("--object", metavar="NAME", help="the avatar's object in that file")


def add_engine(parser: Parser) -> None:
    """How to render."""
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument(
        "--samples", type=count_from(1), default=SAMPLES, metavar="N", help="samples per pixel, before denoising"
    )


def add_expression_factor(parser: argparse.ArgumentParser) -> None:
    """How strongly the actor's expression is shown."""
    parser.add_argument(
        "--expression-factor",
        type=_factor,
        default=1.0,
        metavar="F",
        help="strength of the expression, 0 to 2; 1 is as acted",
    )


def add_overwrite(parser: Parser) -> None:
    """Whether the output may be replaced."""
    parser.add_argument("--overwrite", action="store_true", help="replace the output when it exists")


def frame_range(text: str) -> tuple[int, int]:
    """``A-B`` or ``A``, both inclusive."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not first.isdecimal() or not last.isdecimal() or int(last) < int(first):
        raise argparse.ArgumentTypeError(f"'{text}' is not a frame range like 10-42")
    return int(first), int(last)


def _face_at(text: str) -> tuple[int, float, float]:
    """``FRAME,X,Y``."""
    try:
        frame, x, y = text.split(",")
        return int(frame), float(x), float(y)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a frame and a place like 10,320,180") from error


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 to 2")
    return value


def count_from(lowest: int) -> Callable[[str], int]:
    """A whole number that is not below `lowest`."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {lowest} up")
        return int(text)

    return number


def refuse_existing(path: Path, overwrite: bool) -> None:
    """An output that is there is replaced only when asked for."""
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; add --overwrite to replace it or choose another name.")


def need_file(path: Path, what: str) -> None:
    """An input must be there."""
    if not path.is_file():
        raise InputError(f"There is no {what} at {path}; check the path.")


def need_footage(path: Path, what: str) -> None:
    """A movie or a sequence of pictures must be there."""
    from ..media.delivery import footage_exists

    if not footage_exists(path):
        raise InputError(f"There is no {what} at {path}; check the path.")


def avatar_of(options: argparse.Namespace) -> str:
    """The avatar that the words mean; what is wrong with it is said before the long work."""
    if options.blend is None:
        return _built_avatar(options)
    need_file(options.blend, "avatar file")
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


def capture_options(options: argparse.Namespace) -> CaptureOptions:
    """What `add_capture` asked for."""
    from ..capture.shot import CaptureOptions

    faces = max(options.faces, options.face + 1)
    return CaptureOptions(faces, options.quality, options.device, options.frames, options.face_at)
