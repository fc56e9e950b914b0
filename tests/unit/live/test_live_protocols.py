"""Other programs' packets: ours come back as they went, theirs are understood, and strange ones are refused quietly."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference import arkit
from understudy.inference import take as takes
from understudy.inference.errors import InputError, UsageError
from understudy.inference.live.angles import gaze_of, matrix, mirrored, part_of, quaternion, turned
from understudy.inference.live.ifacialmocap import HELLO, IFacialMocap
from understudy.inference.live.livelink_udp import LiveLinkFace, packet_of
from understudy.inference.live.osc import Message, decode, encode
from understudy.inference.live.sample import LiveSample
from understudy.inference.live.senders import Sender
from understudy.inference.live.stage import TrackerStage, open_stage
from understudy.inference.live.trackers import TrackerSource, is_tracker, rested
from understudy.inference.live.vmc import BONE, Vmc, packets_of
from understudy.inference.livelink import head_angles

ANGLE = st.floats(-1.2, 1.2)
READERS = (LiveLinkFace, IFacialMocap, Vmc)


def sample(yaw: float = 0.3, pitch: float = -0.2, roll: float = 0.1, seed: int = 1) -> LiveSample:
    rng = np.random.default_rng(seed)
    return LiveSample(
        frame=3, time_s=1.234, confidence=0.9, coefficients=rng.uniform(size=52).astype(np.float32),
        rotation=turned(yaw, pitch, roll).astype(np.float32), translation_cm=np.array([0, 0, -60], np.float32),
        gaze=np.array([[0.2, 0.1], [-0.1, 0.05]], np.float32),
    )  # fmt: skip


@given(ANGLE, ANGLE, ANGLE)
def test_angles_and_matrices_agree(yaw: float, pitch: float, roll: float) -> None:
    rotation = turned(yaw, pitch, roll)
    np.testing.assert_allclose(head_angles(rotation[None])[0], [yaw, pitch, roll], atol=1e-6)
    np.testing.assert_allclose(matrix(quaternion(rotation)), rotation, atol=1e-9)
    np.testing.assert_allclose(gaze_of(turned(yaw, pitch, 0.0)), [yaw, pitch], atol=1e-7)
    mirror = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(matrix(mirrored(quaternion(rotation))), mirror @ rotation @ mirror, atol=1e-9)
    half = part_of(rotation, 0.5)
    np.testing.assert_allclose(half @ half, rotation, atol=1e-6)


@given(st.lists(st.tuples(st.sampled_from(["/a", "/VMC/Ext/T", "/äöü"]),
                          st.lists(st.integers(-(2**31), 2**31 - 1) | st.floats(width=32, allow_nan=False)
                                   | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)))))  # fmt: skip
def test_osc_comes_back(messages: list[tuple[str, list[object]]]) -> None:
    sent = [Message(address, tuple(arguments)) for address, arguments in messages]  # type: ignore[arg-type]
    packet = encode(sent)
    assert decode(packet) == sent
    assert len(packet) % 4 == 0


def test_osc_is_as_the_standard_has_it() -> None:
    """The example of the specification of Open Sound Control 1.0."""
    packet = (
        b"/foo\0\0\0\0,iisff\0\0" + struct.pack(">ii", 1000, -1) + b"hello\0\0\0" + struct.pack(">ff", 1.234, 5.678)
    )
    (message,) = decode(packet)
    assert message.address == "/foo"
    assert message.arguments[:3] == (1000, -1, "hello")
    assert encode([message]) == b"#bundle\0" + struct.pack(">Qi", 1, len(packet)) + packet


@pytest.mark.parametrize("reader", READERS)
@given(packet=st.binary(max_size=300))
def test_strange_packets_are_refused(reader: type, packet: bytes) -> None:
    for one in (packet, b"\x06" + packet, b"#bundle\0" + packet, b"/VMC/Ext/OK\0" + packet, b"jawOpen-" + packet):
        try:
            face = reader().feed(one)
        except InputError:
            continue
        assert face is None or np.isfinite(face.coefficients).all()
        assert face is None or np.isfinite(face.rotation).all()


@pytest.mark.parametrize("packets", [packets_of(sample()), [packet_of(sample())]])
@given(place=st.integers(0, 2000), change=st.integers(1, 255), keep=st.integers(0, 2000))
def test_damaged_packets_do_no_harm(packets: list[bytes], place: int, change: int, keep: int) -> None:
    reader = Vmc() if len(packets) > 1 else LiveLinkFace()
    for packet in packets:
        damaged = bytearray(packet)
        damaged[place % len(packet)] ^= change
        for one in (bytes(damaged), packet[: keep % len(packet)]):
            try:
                face = reader.feed(one)
            except InputError:
                continue
            assert face is None or (np.isfinite(face.coefficients).all() and np.isfinite(face.rotation).all())


def test_live_link_face_as_the_app_writes_it() -> None:
    """By hand: a phone's packet, and one that it sends while no face is seen."""
    head = (
        b"\x06"
        + struct.pack(">i", 36)
        + b"A" * 36
        + struct.pack(">i", 6)
        + b"iPhone"
        + struct.pack(">ifii", 5, 0.5, 60, 1)
    )
    values = [0.0] * 61
    values[arkit.INDEX["jawOpen"]], values[52], values[53] = 0.5, 0.25, -0.125
    reader = LiveLinkFace()
    face = reader.feed(head + struct.pack(">B61f", 61, *values))
    assert face.coefficients[arkit.INDEX["jawOpen"]] == 0.5
    np.testing.assert_allclose(head_angles(face.rotation[None])[0], [0.25, -0.125, 0], atol=1e-6)
    lost = reader.feed(head)
    assert lost.confidence == 0
    assert lost.coefficients[arkit.INDEX["jawOpen"]] == 0.5
    for wrong in (head + b"\x3c" + bytes(240), head + struct.pack(">B61f", 61, *[float("nan")] * 61), head[:30]):
        with pytest.raises(InputError):
            reader.feed(wrong)


@pytest.mark.parametrize("mark", ["-", "&"])
def test_ifacialmocap_as_the_app_writes_it(mark: str) -> None:
    """The maker's own example, shortened: a phone below the face, eyes that meet."""
    text = (
        f"mouthSmile_R{mark}32|eyeBlink_L{mark}5|jawLeft{mark}0|hapihapi{mark}0|jawOpen{mark}12|"
        "=head#-21.488958,-6.038993,-6.6019735,-0.030653415,-0.10287084,-0.6584072|"
        "rightEye#6.0297494,2.4403017,0.25649446|leftEye#6.034903,-1.6660284,-0.17520553|"
    )
    face = IFacialMocap().feed(text.encode())
    assert face.coefficients[arkit.INDEX["mouthSmileRight"]] == pytest.approx(0.32)
    assert face.coefficients[arkit.INDEX["eyeBlinkLeft"]] == pytest.approx(0.05)
    assert face.coefficients[arkit.INDEX["jawOpen"]] == pytest.approx(0.12)
    yaw, pitch, roll = np.degrees(head_angles(face.rotation[None])[0])
    assert (yaw, pitch, roll) == pytest.approx((-6.038993, 21.488958, 6.6019735), abs=1e-4)
    assert face.translation_cm == pytest.approx([-3.07, -10.29, -65.84], abs=0.01)
    left, right = np.degrees(face.gaze)
    assert left[0] < 0 < right[0]
    assert left[1] == pytest.approx(-6.0349, abs=1e-3)
    assert right[1] == pytest.approx(-6.0297, abs=1e-3)


def test_ifacialmocap_says_that_no_face_is_seen() -> None:
    reader = IFacialMocap()
    assert reader.feed(b"jawOpen-50|trackingStatus-1|").confidence == 1
    lost = reader.feed(b"jawOpen-10|trackingStatus-0|")
    assert lost.confidence == 0
    assert lost.coefficients[arkit.INDEX["jawOpen"]] == 0.5


def test_vmc_bones_are_those_of_unity() -> None:
    """A head turned to the actor's left: about Unity's up axis to the avatar's left, which is negative there."""
    reader = Vmc()
    half = np.radians(40) / 2
    reader.feed(encode([Message(BONE, ("Head", 0.0, 0.0, 0.0, 0.0, -float(np.sin(half)), 0.0, float(np.cos(half))))]))
    face = reader.feed(encode([Message("/VMC/Ext/Blend/Val", ("jawOpen", 1.0)), Message("/VMC/Ext/Blend/Apply", ())]))
    assert face is not None
    assert np.degrees(head_angles(face.rotation[None])[0]) == pytest.approx([40, 0, 0], abs=1e-4)
    assert face.coefficients[arkit.INDEX["jawOpen"]] == 1


def test_packets_fit_a_network() -> None:
    assert max(map(len, [*packets_of(sample()), packet_of(sample())])) < 1400


def heard(source: TrackerSource) -> LiveSample:
    for _ in range(50):
        found = source.newest(0.1)
        if found is not None and found.confidence > 0:
            return found
    raise AssertionError("nothing came")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("way", ["vmc", "livelink"])
def test_what_we_send_we_receive(way: str) -> None:
    port = free_port()
    source, sender = TrackerSource(f"{way}://{port}"), Sender(f"{way}://127.0.0.1:{port}")
    sent = sample()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"nonsense", ("127.0.0.1", port))
    sender.send(sent)
    found = heard(source)
    np.testing.assert_allclose(found.coefficients, sent.coefficients, atol=1e-6)
    np.testing.assert_allclose(found.rotation, sent.rotation, atol=1e-5)
    np.testing.assert_allclose(found.gaze, sent.gaze, atol=1e-5)
    assert source.refused == 1
    for number in range(5):
        sender.send(replace(sent, coefficients=np.full(52, number / 10, np.float32)))
    time.sleep(0.1)
    newest = heard(source)
    assert newest.coefficients[0] == pytest.approx(0.4)
    assert newest.dropped == 4
    sender.send(replace(sent, confidence=0.0))
    time.sleep(0.6)
    silent = source.newest(0.05)
    assert silent is not None
    assert silent.confidence == 0
    assert silent.coefficients[0] == pytest.approx(0.4)
    sender.close()
    source.close()


def test_a_phone_is_greeted() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(5)
        source = TrackerSource(f"ifacialmocap://127.0.0.1:{free_port()}")
        source.port = phone.getsockname()[1]  # a phone has the same one, but this is one machine
        source.newest(0.01)
        greeting, address = phone.recvfrom(100)
        assert greeting == HELLO
        phone.sendto(b"jawOpen-30|=head#0,10,0,0,0,-0.5|", ("127.0.0.1", address[1]))
        assert heard(source).coefficients[arkit.INDEX["jawOpen"]] == pytest.approx(0.3)
        source.close()


def test_a_trackers_rest_becomes_nothing() -> None:
    neutral = np.zeros(52, np.float32)
    neutral[[arkit.INDEX["jawOpen"], arkit.INDEX["eyeLookUpLeft"]]] = 0.2
    shown = rested(replace(sample(), coefficients=np.full(52, 0.2, np.float32)), neutral).coefficients
    assert shown[arkit.INDEX["jawOpen"]] == pytest.approx(0.0)
    assert shown[arkit.INDEX["eyeLookUpLeft"]] == pytest.approx(0.2)
    full = rested(replace(sample(), coefficients=np.ones(52, np.float32)), neutral).coefficients
    assert full == pytest.approx(np.ones(52))


@pytest.mark.parametrize("name", ["vmc://", "vmc://0", "livelink://70000", "vmc://x", "ifacialmocap://1.2.3.4"])
def test_a_tracker_needs_a_port(name: str) -> None:
    assert is_tracker(name)
    with pytest.raises(UsageError):
        TrackerSource(name)


@pytest.mark.parametrize("name", ["vmc://39539", "http://a:1", "vmc://host:", "vmc://no.such.host.invalid:1"])
def test_a_sender_needs_a_place(name: str) -> None:
    with pytest.raises(UsageError):
        Sender(name)


def test_a_port_that_is_taken_says_so() -> None:
    first = TrackerSource(f"vmc://{free_port()}")
    with pytest.raises(InputError, match="Port"):
        TrackerSource(first.name)
    first.close()


def test_a_tracker_is_calibrated_and_recorded(tmp_path: Path) -> None:
    port = free_port()
    stage = open_stage(f"livelink://{port}", None, False, "cpu")
    sender = Sender(f"livelink://127.0.0.1:{port}")
    resting, shown = np.full(52, 0.1, np.float32), np.full(52, 0.55, np.float32)
    stage.calibration.begin()
    found, end = [], time.monotonic() + 30
    while not (found and found[-1].calibrated == 1) and time.monotonic() < end:
        sender.send(replace(sample(), coefficients=resting))
        received = stage.newest(0.2)
        found += [received] if received is not None else []
        time.sleep(0.05)
    stage.record(tmp_path / "phone.mkv")
    for _ in range(5):
        sender.send(replace(sample(), coefficients=shown))
        found.append(stage.newest(1.0))
    recording = stage.recording
    assert recording is not None
    recording.finish(stage.actor)
    recording.wait(30)
    sender.close()
    stage.close()
    assert found[-1].coefficients[arkit.INDEX["jawOpen"]] == pytest.approx(0.5, abs=1e-6)
    assert found[-1].coefficients[arkit.INDEX["eyeLookUpLeft"]] == pytest.approx(0.55, abs=1e-6)
    result = recording.result
    assert result is not None
    assert (result.error, result.video, result.frames) == (None, None, 5)
    assert result.take is not None
    take = takes.load(result.take)
    np.testing.assert_allclose(take.rotation, np.repeat(sample().rotation[None], 5, 0), atol=1e-5)
    assert take.coefficients[:, arkit.INDEX["jawOpen"]] == pytest.approx(0.5, abs=1e-6)
    assert take.time_s[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["phone.take.npz"]


def test_a_tracker_whose_face_moves_is_not_calibrated() -> None:
    stage = open_stage(f"vmc://{free_port()}", None, False, "cpu")
    assert isinstance(stage, TrackerStage)
    for acts, refused in ((True, True), (False, False)):
        stage.calibration.begin()
        for frame in range(70):
            value = frame / 70 if acts else 0.1
            stage._calibrate(replace(sample(), time_s=frame / 30, coefficients=np.full(52, value, np.float32)))
            if not stage.calibration.running:
                break
        assert (stage.calibration.refused, stage._neutral is None) == (refused, refused)
    stage.close()
