"""Transfer curves: published values, round trips, light that no curve holds."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference.composite.colour.transfer import decode, decode_float, encode, peak, to_encoded, to_pixels


@pytest.mark.parametrize("curve", ["sdr", "pq", "hlg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_code_returns(curve, dtype):
    codes = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    encoded = to_encoded(codes, curve)
    np.testing.assert_array_equal(to_pixels(encoded, codes.dtype, curve), codes)
    np.testing.assert_allclose(encode(decode(codes, curve), curve), encoded, atol=2e-4)


def test_pq_has_published_values():
    # ITU-R BT.2408, table 1: 203 cd/m2 is 58 % of the signal, 1000 cd/m2 75 %.
    signal = encode(np.float32([203, 1000, 10000]) / np.float32(203), "pq")
    np.testing.assert_allclose(signal, [0.581, 0.752, 1], atol=0.001)
    assert peak("pq") * 203 == pytest.approx(10000)


def test_hlg_has_published_values():
    # ITU-R BT.2100: a twelfth of the peak light is half of the signal; white is 75 % of it.
    top = peak("hlg")
    np.testing.assert_allclose(encode(np.float32([0, top / 12, 1, top]), "hlg"), [0, 0.5, 0.75, 1], atol=2e-4)
    np.testing.assert_allclose(decode_float(np.float32([0.5, 0.75]), "hlg"), [top / 12, 1], rtol=1e-4)


def test_light_beyond_white_and_below_black_is_kept():
    light = np.float32([-0.02, 0, 0.18, 1, 40])
    encoded = to_encoded(light, "linear")
    np.testing.assert_allclose(to_pixels(encoded, np.dtype(np.float32), "linear"), light, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(decode(light, "linear"), light)
    assert encoded[2] == pytest.approx(encode(np.float32([0.18]))[0], abs=1e-4)
