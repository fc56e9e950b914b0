"""The words of the composite, which several subcommands share, and what they mean."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from ..errors import InputError
from ..media.encodings import Codec, Depth
from .words import add_expression_factor

if TYPE_CHECKING:
    from ..composite.types import CompositeOptions
    from ..media.delivery import DeliveryOptions

CODECS: Final[tuple[str, ...]] = get_args(Codec)
DEPTHS: Final[dict[str, Depth]] = {"8": 8, "10": 10, "16": 16, "float": 32}


def add_composite(parser: argparse.ArgumentParser) -> None:
    """What the composite does."""
    parser.add_argument("--stages", type=_stages, metavar="swap,colour,poisson,enhance", help="default: all of them")
    parser.add_argument(
        "--swapper",
        choices=("render", "inswapper"),
        default="render",
        help="put the rendered face itself in, or let a network draw the avatar's identity on the actor",
    )
    parser.add_argument(
        "--pixel-boost", type=int, choices=(128, 256, 512), default=256, help="size at which inswapper draws"
    )
    add_expression_factor(parser)
    parser.add_argument("--enhancer", choices=("gfpgan", "codeformer"), default="gfpgan")
    parser.add_argument(
        "--stand-ins", action="store_true", help="frames without a render take the one whose expression is nearest"
    )
    parser.add_argument(
        "--matte",
        type=Path,
        metavar="PICTURES",
        help="your own matte, white where the avatar goes: a folder, a pattern like matte_####.png or a movie",
    )
    parser.add_argument(
        "--mixed-gradients", action="store_true", help="keep the plate's detail where it is stronger than the face's"
    )
    parser.add_argument(
        "--quality-gate", action="store_true", help="do frames with poor figures again with safer settings"
    )
    parser.add_argument(
        "--label", action="store_true", help="write 'AI-generated likeness' into a corner of the picture"
    )
    parser.add_argument("--reference", type=Path, metavar="MOVIE", help="what the composite should look like")
    parser.add_argument(
        "--consent", type=Path, metavar="FILE", help="consent record of the footage; default: the one beside it"
    )


def add_delivery(parser: argparse.ArgumentParser) -> None:
    """What kind of file the composite becomes."""
    parser.add_argument("--codec", choices=CODECS, help="default: by the output's name and the footage")
    parser.add_argument("--depth", choices=tuple(DEPTHS), help="bits of a sample; default: fits the footage")
    parser.add_argument(
        "--alpha", action="store_true", help="write the new face alone with its matte as alpha, for another compositor"
    )


def delivery_options(options: argparse.Namespace) -> DeliveryOptions:
    """What `add_delivery` asked for."""
    from ..media.delivery import DeliveryOptions

    return DeliveryOptions(options.codec, DEPTHS.get(options.depth), options.alpha)


def composite_options(
    options: argparse.Namespace, report_dir: Path | None, delivery: DeliveryOptions | None = None
) -> CompositeOptions:
    """What `add_composite` asked for."""
    from ..composite.types import STAGES, CompositeOptions
    from ..media.delivery import DeliveryOptions

    for path, what in ((options.matte, "matte"), (options.reference, "reference movie")):
        if path is not None and not _may_exist(path):
            raise InputError(f"There is no {what} at {path}; check the path.")
    return CompositeOptions(
        stages=STAGES if options.stages is None else options.stages,
        report_dir=report_dir,
        swapper=options.swapper,
        pixel_boost=options.pixel_boost,
        expression_factor=options.expression_factor,
        enhancer=options.enhancer,
        stand_ins=options.stand_ins,
        matte=options.matte,
        mixed_gradients=options.mixed_gradients,
        quality_gate=options.quality_gate,
        reference=options.reference,
        label=options.label,
        delivery=delivery or DeliveryOptions(),
        device=options.device,
    )


def _may_exist(path: Path) -> bool:
    """Is it there, or a pattern, which its reader judges?"""
    return path.exists() or "#" in path.name or "%" in path.name


def _stages(text: str) -> tuple[str, ...]:
    from ..composite.types import STAGES

    chosen = tuple(part for part in text.split(",") if part)
    unknown = sorted(set(chosen) - set(STAGES))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown stage {', '.join(unknown)}; choose from {', '.join(STAGES)}")
    return tuple(stage for stage in STAGES if stage in chosen)
