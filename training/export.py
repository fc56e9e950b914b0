"""Writes the ONNX file of a trained network.

usage: python -m understudy.training.export RUN_FOLDER OUT.onnx

Opset 17, any batch.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import onnx
import torch
from torch import nn

from ..models.lighter import lighter
from .network import SIDE, FacePoints

OUTPUTS = ("points", "sigma", "visible", "coefficients", "coefficient_sigma")


def export(net: FacePoints, out: Path) -> None:
    """Write the file when it is whole."""
    net = copy.deepcopy(net).eval().to(memory_format=torch.contiguous_format)
    fold(net.expression)
    part = out.with_suffix(".part")
    axes = {name: {0: "count"} for name in ("image", *OUTPUTS)}
    example = torch.rand(2, SIDE, SIDE, 3)
    torch.onnx.export(
        net,
        (example,),
        str(part),
        opset_version=17,
        input_names=["image"],
        output_names=list(OUTPUTS),
        dynamic_axes=axes,
        dynamo=False,
    )
    model = lighter(onnx.load(part))
    model.producer_name, model.doc_string = "Understudy", "docs/face_points.md"
    onnx.checker.check_model(model)
    onnx.save(model, part)
    part.replace(out)


@torch.no_grad()
def fold(head: nn.Sequential) -> None:
    """Let a head's first layer take features as they are, unscaled."""
    scale = head[0]
    first = next(layer for layer in head if isinstance(layer, nn.Linear))
    assert isinstance(scale, nn.BatchNorm1d)
    assert scale.running_mean is not None
    assert scale.running_var is not None
    first.weight.div_((scale.running_var + scale.eps).sqrt())
    first.bias.sub_(first.weight @ scale.running_mean)
    head[0] = nn.Identity()


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    net = FacePoints()
    state = torch.load(options.run / "checkpoint.pt", map_location="cpu", weights_only=True)
    net.load_state_dict(state["average"])
    export(net, options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes after {state['steps']} steps")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
