"""The head of the coefficients, taught alone: it reads raw features and learns what they hold."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from understudy.training.expression import fit  # noqa: E402  # torch is only in the training environment


def test_a_head_learns_from_features_of_any_scale_and_then_reads_them_raw() -> None:
    torch.manual_seed(4)
    scale = torch.logspace(-1, 2, 40)
    cause = torch.randn(1500, 4)
    features = (cause @ torch.randn(4, 40) + 3) * scale
    truth = torch.sigmoid(cause @ torch.randn(4, 52))
    head = torch.nn.Sequential(
        torch.nn.BatchNorm1d(40, affine=False), torch.nn.Linear(40, 64), torch.nn.ReLU(), torch.nn.Linear(64, 104)
    )
    fit(head, features.half(), truth, turns=300)
    with torch.no_grad():
        found = head(features).chunk(2, 1)[0]
    usual = (truth - truth.mean(0)).square().mean()
    assert (found - truth).square().mean() < 0.3 * usual
