"""Live samples as packets: whole and exact, or refused; and the loopback link that keeps the newest only."""

from __future__ import annotations

import socket
import time
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from understudy.inference.errors import InputError
from understudy.inference.live.link import HERE, LiveReceiver, LiveSender
from understudy.inference.live.sample import LARGEST, PACKET_BYTES, LiveSample, pack, unpack

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def array(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float32, shape, elements=FLOATS)


SAMPLES = st.builds(
    LiveSample,
    frame=st.integers(0, LARGEST),
    time_s=st.floats(allow_nan=False, allow_infinity=False),
    confidence=FLOATS,
    coefficients=array(52),
    rotation=array(3, 3),
    translation_cm=array(3),
    gaze=array(2, 2),
    latency_ms=FLOATS,
    fps=FLOATS,
    dropped=st.integers(0, LARGEST),
    calibrated=FLOATS,
    recording=st.booleans(),
)
PLAIN = LiveSample(
    7, 0.25, 1.0, np.linspace(0, 1, 52, dtype=np.float32), np.eye(3, dtype=np.float32),
    np.array([1, 2, -60], np.float32), np.full((2, 2), 0.1, np.float32), recording=True,
)  # fmt: skip


@given(SAMPLES)
def test_a_sample_survives_its_packet(sample: LiveSample) -> None:
    packet = pack(sample)
    again = unpack(packet)
    assert len(packet) == PACKET_BYTES
    for field in fields(LiveSample):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(sample, field.name), field.name)


@given(st.integers(0, PACKET_BYTES - 1), st.integers(1, 255))
def test_every_damaged_byte_is_noticed(place: int, change: int) -> None:
    packet = bytearray(pack(PLAIN))
    packet[place] ^= change
    with pytest.raises(InputError):
        unpack(bytes(packet))


@given(st.binary(max_size=2 * PACKET_BYTES))
def test_anything_else_is_refused(packet: bytes) -> None:
    for one in (packet, b"UNDL" + packet, pack(PLAIN)[: len(packet) % PACKET_BYTES], pack(PLAIN) + packet + b"\0"):
        with pytest.raises(InputError):
            unpack(one)


@pytest.mark.parametrize("name", ["time_s", "confidence", "fps"])
def test_what_is_no_number_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        unpack(pack(replace(PLAIN, **{name: float("nan")})))


def test_another_version_says_so() -> None:
    packet = bytearray(pack(PLAIN))
    packet[4] = 2
    with pytest.raises(InputError, match="version 2"):
        unpack(bytes(packet))


def received(receiver: LiveReceiver) -> LiveSample | None:
    """The newest sample, once what was sent has had time to arrive."""
    for _ in range(200):
        sample = receiver.newest()
        if sample is not None:
            return sample
        time.sleep(0.005)
    return None


def test_only_the_newest_is_received() -> None:
    receiver = LiveReceiver()
    sender = LiveSender(receiver.port)
    for frame in range(20):
        sender.send(replace(PLAIN, frame=frame))
    time.sleep(0.05)
    sample = received(receiver)
    assert sample is not None
    assert sample.frame == 19
    assert receiver.newest() is None
    sender.close()
    receiver.close()


def test_foreign_packets_are_counted_and_passed_over() -> None:
    receiver = LiveReceiver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for packet in (b"", b"hello", bytes(PACKET_BYTES), bytes(5000)):
            stranger.sendto(packet, (HERE, receiver.port))
    sender = LiveSender(receiver.port)
    sender.send(PLAIN)
    sample = received(receiver)
    assert sample is not None
    assert receiver.refused == 4
    sender.close()
    receiver.close()


def test_sending_to_nobody_does_no_harm_and_whoever_listens_later_is_heard() -> None:
    receiver = LiveReceiver()
    port = receiver.port
    receiver.close()
    sender = LiveSender(port)
    for _ in range(3):
        sender.send(PLAIN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind((HERE, port))
        late.settimeout(5.0)
        sender.send(PLAIN)  # this one may only learn that nobody listened to the one before
        sender.send(PLAIN)
        assert late.recv(PACKET_BYTES + 1) == pack(PLAIN)
    sender.close()
