"""``understudy correct``: a take that agrees with what a person has set."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .words import Commands, add_command, add_overwrite, need_file, refuse_existing

if TYPE_CHECKING:
    from ..jobs.console import Console
    from ..solve.corrections import Fixed
    from ..take import Take


def add(commands: Commands) -> None:
    """Its words."""
    correct = add_command(commands, "correct", run, "a take solved again around values that a person has set")
    correct.add_argument("take", type=Path)
    correct.add_argument(
        "--keys", type=Path, required=True, metavar="FILE.json",
        help='{"keys": [{"frame": source frame, "coefficient": ARKit name, "value": 0..1}, ...]}',
    )  # fmt: skip
    correct.add_argument("-o", "--output", type=Path, required=True, metavar="TAKE2.npz")
    correct.add_argument(
        "--face-model", default="default", metavar="MODEL", help="the one the take was made with; see track"
    )
    add_overwrite(correct)


def run(options: argparse.Namespace, console: Console) -> None:
    """Solve the shot again around the corrections."""
    need_file(options.take, "take")
    need_file(options.keys, "file of corrections")
    refuse_existing(options.output, options.overwrite)
    from .. import face_model, take
    from ..solve.corrections import resolve

    performance = take.load(options.take)
    fixed = _read_keys(options.keys, performance)
    model = face_model.load(options.face_model)
    take.save(resolve(performance, model, fixed, console), options.output)
    console.say(
        "take",
        f"{options.output}: {len(fixed.value)} values as they were set",
        path=options.output,
        corrections=len(fixed.value),
    )


def _read_keys(path: Path, performance: Take) -> Fixed:
    import numpy as np

    from .. import arkit
    from ..solve.corrections import Fixed

    position = {int(frame): place for place, frame in enumerate(performance.frame_index)}
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["keys"]
        numbers = [(position[int(row["frame"])], arkit.INDEX[row["coefficient"]], float(row["value"])) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} holds no corrections of this take ({error}); every key needs a frame of the take, an ARKit name "
            "and a value."
        ) from error
    frames, columns, values = zip(*numbers, strict=True) if numbers else ((), (), ())
    return Fixed(np.array(frames, np.int64), np.array(columns, np.int64), np.array(values, np.float64))
