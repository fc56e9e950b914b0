"""Runs whose tensors stay on the device: equal to plain runs, chained, into given memory, at fixed addresses."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from understudy.inference.networks import bound
from understudy.inference.networks.bound import FixedRun, memory_of, on_device, room_on_device, run_bound
from understudy.inference.networks.providers import Choice, choose
from understudy.inference.networks.sessions import open_session

CPU = choose("cpu")
NAMES = ["mesh", "presence_logit"]


def crops(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, 192, 192, 3), np.float32)


@pytest.fixture
def session() -> ort.InferenceSession:
    return open_session("face_landmarks", "cpu")


@pytest.mark.parametrize("count", [1, 3])
def test_a_bound_run_computes_what_a_plain_one_does(session: ort.InferenceSession, count: int) -> None:
    images = crops(count)
    found = run_bound(session, {"image": on_device(images, CPU)}, NAMES, CPU)
    assert list(found) == NAMES
    for name, wanted in zip(NAMES, session.run(NAMES, {"image": images}), strict=True):
        np.testing.assert_array_equal(found[name].numpy(), wanted)


def test_outputs_come_by_name_in_any_order_and_number(session: ort.InferenceSession) -> None:
    feed = {"image": on_device(crops(2), CPU)}
    swapped = run_bound(session, feed, NAMES[::-1], CPU)
    assert list(swapped[NAMES[0]].shape()) == [2, 468, 3]
    assert list(swapped[NAMES[1]].shape()) == [2]
    assert list(run_bound(session, feed, NAMES[1:], CPU)) == NAMES[1:]


def test_an_array_that_is_not_contiguous_goes_over_whole(session: ort.InferenceSession) -> None:
    images = crops(2)[:, ::-1, ::-1]
    found = run_bound(session, {"image": on_device(images, CPU)}, ["mesh"], CPU)
    np.testing.assert_array_equal(found["mesh"].numpy(), session.run(["mesh"], {"image": images.copy()})[0])


def test_an_output_feeds_the_next_network_and_outlives_its_run(session: ort.InferenceSession) -> None:
    first = run_bound(session, {"image": on_device(crops(1), CPU)}, ["mesh"], CPU)["mesh"]
    kept = first.numpy().copy()
    for seed in range(3):  # memory of a value that is held is not given to another run
        run_bound(session, {"image": on_device(crops(1, seed + 1), CPU)}, ["mesh"], CPU)
    np.testing.assert_array_equal(first.numpy(), kept)


def test_outputs_are_written_where_asked(session: ort.InferenceSession) -> None:
    room = room_on_device((2, 468, 3), np.float32, CPU)
    found = run_bound(session, {"image": on_device(crops(2), CPU)}, NAMES, CPU, into={"mesh": room})
    assert found["mesh"].data_ptr() == room.data_ptr()
    np.testing.assert_array_equal(room.numpy(), session.run(["mesh"], {"image": crops(2)})[0])


def test_a_fixed_run_keeps_its_addresses_and_computes_anew(session: ort.InferenceSession) -> None:
    fixed = FixedRun(session, {"image": crops(2)}, NAMES, CPU)
    addresses = {name: value.data_ptr() for name, value in fixed.outputs.items()}
    for seed in (1, 2, 3):
        found = fixed.run({"image": crops(2, seed)})
        assert {name: value.data_ptr() for name, value in found.items()} == addresses
        np.testing.assert_array_equal(found["mesh"].numpy(), session.run(["mesh"], {"image": crops(2, seed)})[0])
    again = fixed.run()["mesh"].numpy().copy()
    np.testing.assert_array_equal(again, session.run(["mesh"], {"image": crops(2, 3)})[0])


def test_a_fixed_run_reads_what_another_run_wrote_into_its_inputs(session: ort.InferenceSession) -> None:
    fixed = FixedRun(session, {"image": crops(1)}, NAMES, CPU)
    fixed.inputs["image"].update_inplace(crops(1, 7))
    np.testing.assert_array_equal(fixed.run()["mesh"].numpy(), session.run(["mesh"], {"image": crops(1, 7)})[0])


def test_a_fixed_run_refuses_another_shape(session: ort.InferenceSession) -> None:
    fixed = FixedRun(session, {"image": crops(2)}, NAMES, CPU)
    with pytest.raises(RuntimeError, match="size"):
        fixed.run({"image": crops(3)})


class Recorder:
    """A session and its binding in one, of a device that this machine lacks."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self.outputs: list[tuple[object, ...]] = []

    def io_binding(self) -> Recorder:
        return self

    def bind_ortvalue_input(self, name: str, value: object) -> None:
        self.inputs.append(name)

    def bind_output(self, *where: object) -> None:
        self.outputs.append(where)

    def bind_ortvalue_output(self, name: str, value: object) -> None:
        self.outputs.append((name, value))

    def run_with_iobinding(self, binding: Recorder, options: object = None) -> None:
        assert binding is self

    def get_outputs(self) -> list[object]:
        return [one[0] for one in self.outputs]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, ...]]]:
    """ONNX Runtime as if it gave memory of GPUs; the list is what was asked of it."""
    asked: list[tuple[object, ...]] = []
    value = SimpleNamespace(
        ortvalue_from_shape_and_type=lambda shape, dtype, kind, index: asked.append(("room", kind, index)),
        ortvalue_from_numpy=lambda array, kind, index: asked.append(("copy", kind, index)),
    )
    monkeypatch.setattr(bound.ort, "OrtValue", value)
    bound._can_be_had.cache_clear()
    yield asked
    bound._can_be_had.cache_clear()


@pytest.mark.parametrize(
    ("device", "kind"),
    [("cuda", "cuda"), ("tensorrt", "cuda"), ("directml", "dml"), ("coreml", "cpu"), ("openvino", "cpu")],
)
def test_values_and_outputs_go_to_the_memory_of_the_device(
    memory: list[tuple[object, ...]], device: str, kind: str
) -> None:
    choice = Choice(device, "itsExecutionProvider", 1, "")
    place = (kind, 1 if kind != "cpu" else 0)
    assert memory_of(choice) == place
    on_device(crops(1), choice)
    assert memory[-1] == ("copy", *place)
    recorder = Recorder()
    found = run_bound(recorder, {"image": "a value"}, ["mesh", "lips"], choice, into={"lips": "its room"})
    assert recorder.inputs == ["image"]
    assert recorder.outputs == [("mesh", *place), ("lips", "its room")]
    assert list(found) == ["mesh", "lips"]


def test_a_build_without_memory_of_the_device_keeps_values_in_the_cpus() -> None:
    """The build that is tested with has none of DirectML's."""
    bound._can_be_had.cache_clear()
    assert memory_of(Choice("directml", "DmlExecutionProvider", 0, "")) == ("cpu", 0)
