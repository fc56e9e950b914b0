"""The landmark network: where it starts, how it looks, what it is taught, and what leaves as ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from understudy.training.losses import certainty  # noqa: E402  # torch is only in the training environment
from understudy.training.network import POINTS, SIDE, Backbone, FacePoints, around  # noqa: E402

MESH = Path(__file__).parents[3] / "models/weights/face_landmarks.onnx"


def test_points_look_bilinearly_at_the_nine_cells_around_them() -> None:
    features, where = torch.rand(2, 5, 16, 16), torch.rand(2, 7, 2)
    steps = torch.tensor([(x, y) for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0)]) / 16
    grid = 2 * (where[:, :, None] + steps) - 1
    expected = torch.nn.functional.grid_sample(features, grid, padding_mode="border", align_corners=False)
    inside = ((where > 0.15) & (where < 0.85)).all(-1)
    picture = torch.arange(2).repeat_interleave(7)
    seen = around(features, where.reshape(-1, 2).t(), picture).reshape(2, 7, -1)[inside]
    assert torch.allclose(seen, expected.permute(0, 2, 3, 1).flatten(2)[inside], atol=1e-5)


def test_the_backbone_starts_with_what_the_face_mesh_sees() -> None:
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from understudy.training.start import start_from_mesh

    if not MESH.is_file():
        pytest.skip("models/weights is not built")
    backbone = Backbone()
    start_from_mesh(backbone, MESH)
    model = onnx.load(MESH)
    ends = [n.output[0] for n in model.graph.node if n.op_type == "PRelu"]
    for name in ends:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    image = np.random.default_rng(1).random((1, 192, 192, 3), np.float32)
    found = ort.InferenceSession(model.SerializeToString()).run(ends, {"image": image})
    with torch.no_grad():
        maps = backbone(torch.from_numpy(image).permute(0, 3, 1, 2))
    for features in maps:
        same = [a for a in found if a.shape == tuple(features.shape)]
        assert min(np.abs(a - features.numpy()).max() for a in same) < 1e-3


def test_certainty_is_smallest_at_the_true_deviation() -> None:
    errors = 0.7 * torch.randn(40000, 2)
    square = errors.square().sum(-1)
    tried = torch.linspace(0.3, 1.5, 61)
    costs = [float((certainty(square, s.log(), 0.0, 2) / s).mean()) for s in tried]
    assert abs(float(tried[int(np.argmin(costs))]) - 0.7) < 0.05


def test_the_exported_file_says_what_the_network_says(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    from understudy.training.export import OUTPUTS, export

    torch.manual_seed(2)
    net = FacePoints().eval()
    image = torch.rand(3, SIDE, SIDE, 3)
    with torch.no_grad():
        expected = net(image)
    export(net, tmp_path / "net.onnx")
    session = ort.InferenceSession(tmp_path / "net.onnx")
    found = session.run(list(OUTPUTS), {"image": image.numpy()})
    assert found[0].shape == (3, POINTS, 3)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.abs(ours - theirs.numpy()).max() < 1e-4
    one = session.run(["points"], {"image": image[1:2].numpy()})[0]
    assert np.abs(one[0] - found[0][1]).max() < 1e-5, "a batch is read as its pictures one by one"
    assert not list(tmp_path.glob("*.part"))
