"""The measured response belongs to the network that ships."""

from __future__ import annotations

import numpy as np
from understudy.inference.networks import registry
from understudy.inference.solve import surface_response


def test_it_was_measured_on_the_network_that_ships() -> None:
    with np.load(surface_response.FILE, allow_pickle=False) as data:
        network = str(data["network"])
    shipped = [file.sha256 for file in registry.network("face_points").files_of("cpu")]
    assert shipped == [network], "measure it again: python3 run.py train response"


def test_it_is_whole_and_nobody_can_change_it_for_others() -> None:
    response = surface_response.measured()
    assert response.expressions.shape == (52, 468, 3)
    assert response.coefficients.shape == (3, 52)
    assert all(np.isfinite(values).all() and not values.flags.writeable for values in vars(response).values())
    assert (response.coefficients[2] > 0).all()
