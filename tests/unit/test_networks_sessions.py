"""Opening networks: the right form, the contract of the registry, devices that are not there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from understudy.inference.errors import InputError, MissingComponentError, UsageError
from understudy.inference.networks import providers, registry, sessions
from understudy.inference.networks.registry import Network, TensorSpec, WeightsFile

NO_CUDA = "CUDAExecutionProvider" not in ort.get_available_providers()


def tiny(path: Path, name: str = "image", width: int | str = 4, kind: int = TensorProto.FLOAT) -> Path:
    """A network of one Relu on (N, width)."""
    value = helper.make_tensor_value_info(name, kind, ["N", width])
    result = helper.make_tensor_value_info("result", kind, ["N", width])
    graph = helper.make_graph([helper.make_node("Relu", [name], ["result"])], "tiny", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the only registered network "tiny", in tmp_path, with whatever digest the file there has."""
    monkeypatch.setenv("UNDERSTUDY_MODELS", str(tmp_path))

    def networks() -> dict[str, Network]:
        file = WeightsFile("any", "tiny.onnx", registry.file_digest(tmp_path / "tiny.onnx"))
        image = TensorSpec("image", "float32", ("N", 4), "numbers")
        result = dataclasses.replace(image, name="result")
        words = ("a test", True, "ours", "allowed", "here", "try again")
        return {"tiny": Network("tiny", *words, (file,), (image,), (result,), None)}

    monkeypatch.setattr(registry, "networks", networks)


def test_the_cpu_gets_its_own_form_and_every_form_opens() -> None:
    for entry in (entry for entry in registry.networks().values() if entry.bundled):
        session = sessions.open_session(entry.name, "cpu")
        assert Path(session._model_path) == registry.weights_path(entry.name, "cpu")
        assert [tensor.name for tensor in session.get_outputs()] == [spec.name for spec in entry.outputs]
        assert session.get_providers() == ["CPUExecutionProvider"]


def test_a_session_is_opened_once() -> None:
    assert sessions.open_session("iris", "cpu") is sessions.open_session("iris", "cpu")
    assert sessions.open_session("iris", "cpu", threads=2) is not sessions.open_session("iris", "cpu")


@pytest.mark.usefixtures("register")
def test_renamed_inputs_are_found_by_position(tmp_path: Path) -> None:
    tiny(tmp_path / "tiny.onnx", name="input.1", width="W")
    session = sessions.open_session("tiny", "cpu")
    (result,) = session.run(None, {sessions.input_name(session): np.array([[-1, 2]], np.float32)})
    np.testing.assert_array_equal(result, [[0, 2]])


@pytest.mark.usefixtures("register")
def test_another_shape_or_element_type_is_refused(tmp_path: Path) -> None:
    tiny(tmp_path / "tiny.onnx", width=5)
    with pytest.raises(InputError, match=r"tiny\.onnx is not the network 'tiny': input 'image' is float32 \['N', 5\]"):
        sessions.open_session("tiny", "cpu")
    tiny(tmp_path / "tiny.onnx", kind=TensorProto.DOUBLE, width=4)
    sessions._open.cache_clear()
    with pytest.raises(InputError, match="is float64"):
        sessions.open_session("tiny", "cpu")


@pytest.mark.usefixtures("register")
def test_another_number_of_inputs_is_refused(tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in ("a", "b", "sum")]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["sum"])], "two", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "tiny.onnx")
    with pytest.raises(InputError, match="2 inputs instead of 1"):
        sessions.open_session("tiny", "cpu")


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no network" * 20)
    with pytest.raises(InputError, match=r"broken\.onnx cannot be opened as an ONNX network"):
        sessions.open_session(broken, "cpu")
    with pytest.raises(MissingComponentError, match=r"absent\.onnx does not exist"):
        sessions.open_session(tmp_path / "absent.onnx", "cpu")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(registry.weights_path("iris").read_bytes()[:100_000])
    with pytest.raises(InputError, match="cannot be opened"):
        sessions.open_session(str(cut), "cpu")


def test_a_misspelt_network_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known are face_detector_short"):
        sessions.open_session("face_landmark", "cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:-1", "", "cpu:²"])
def test_unknown_devices_are_refused(device: str) -> None:
    with pytest.raises(UsageError, match="use auto"):
        providers.choose(device)


@pytest.mark.skipif(not NO_CUDA, reason="this build of ONNX Runtime knows CUDA")
def test_a_device_that_is_not_there_is_refused_with_the_reason() -> None:
    with pytest.raises(MissingComponentError, match=r"cuda:0 cannot be used because this build .*onnxruntime-gpu"):
        sessions.open_session("iris", "cuda:0")
    assert providers.choose("auto").device in ("cpu", "directml")
    assert "cuda: this build of ONNX Runtime has no CUDAExecutionProvider" in providers.choose("auto").reason


def test_a_compiled_in_device_without_driver_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(providers, "_has_nvidia_driver", lambda: False)
    cuda = dataclasses.replace(providers.PROVIDERS[0], package="a test")  # another key for the cache
    assert providers.why_unavailable(cuda) == "no NVIDIA driver was found"


@pytest.mark.skipif(not NO_CUDA, reason="this build of ONNX Runtime knows CUDA")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_device_that_starts_nothing_is_not_called_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(providers, "_has_nvidia_driver", lambda: True)
    cuda = dataclasses.replace(providers.PROVIDERS[0], package="another test")
    assert "libraries could not be loaded (install another test)" in providers.why_unavailable(cuda)


def test_the_report_has_one_used_device_and_reasons_for_the_others() -> None:
    report = providers.providers_report()
    assert [status.device for status in report] == [provider.device for provider in providers.PROVIDERS]
    assert [status.used for status in report].count(True) == 1
    for status in report:
        assert status.available or not status.used
        assert bool(status.reason) != status.used
    assert report[-1].available  # the CPU


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_missing_libraries_of_nvidia_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def preload(directory: str | None = None) -> None:
        tried.append(directory)
        print("Failed to load libcublas.so.13: cannot open\nFailed to load C:\\x\\cudart64_13.dll: not found")

    tried: list[str | None] = []
    for folder in ("nvidia/cudnn/lib/libcudnn.so.9", "nvidia/cu13/lib/libcudart.so.13"):
        (tmp_path / folder).parent.mkdir(parents=True)
        (tmp_path / folder).touch()
    monkeypatch.setenv("UNDERSTUDY_CUDA", str(tmp_path))
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "preload_dlls", preload)
    monkeypatch.setattr(providers, "_has_nvidia_driver", lambda: True)
    providers._preload_cuda.cache_clear()
    cuda = dataclasses.replace(providers.PROVIDERS[0], package="a third test")
    reason = providers.why_unavailable(cuda)
    providers._preload_cuda.cache_clear()
    assert reason.startswith("libcublas.so.13, cudart64_13.dll cannot be found")
    assert "UNDERSTUDY_CUDA" in reason
    assert tried == [str(tmp_path / "nvidia/cu13/lib"), str(tmp_path / "nvidia/cudnn/lib"), None]


def two_inputs(path: Path, order: tuple[str, str], kind: int = TensorProto.FLOAT) -> Path:
    """Picture (1, 3, 4, 4) + weight (1), the inputs in this order."""
    shapes = {"picture": [1, 3, 4, 4], "weight": [1]}
    values = [helper.make_tensor_value_info(name, kind, shapes[name]) for name in order]
    result = helper.make_tensor_value_info("sum", kind, shapes["picture"])
    graph = helper.make_graph([helper.make_node("Add", ["picture", "weight"], ["sum"])], "two", values, [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE])
@pytest.mark.parametrize("order", [("picture", "weight"), ("weight", "picture")])
def test_values_find_their_input_by_shape_and_take_its_type(tmp_path: Path, order: tuple[str, str], kind: int) -> None:
    session = sessions.open_session(two_inputs(tmp_path / "two.onnx", order, kind), "cpu")
    (total,) = sessions.infer(session, np.full((1, 3, 4, 4), 0.5, np.float32), np.array([0.25]))
    assert total.dtype == np.float32
    np.testing.assert_array_equal(total, 0.75)
    with pytest.raises(InputError, match="no input of 2 dimensions"):
        sessions.infer(session, np.zeros((1, 512), np.float32))


@pytest.mark.parametrize("order", [("picture", "weight"), ("weight", "picture")])
def test_a_contract_is_met_in_any_order_and_only_by_known_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    picture = TensorSpec("picture", "float32", (1, 3, 4, 4), "colours", also=("float16",))
    weight = TensorSpec("weight", "float32", (1,), "share", also=("float16",))
    words = ("a test", True, "ours", "allowed", "here", "try again")
    for kind, fits in ((TensorProto.FLOAT, True), (TensorProto.FLOAT16, True), (TensorProto.DOUBLE, False)):
        path = two_inputs(tmp_path / f"two{kind}.onnx", order, kind)
        file = WeightsFile("any", path.name, registry.file_digest(path))
        entry = Network("two", *words, (file,), (picture, weight), (dataclasses.replace(picture, name="sum"),), None)
        session = sessions.open_session(path, "cpu")
        if fits:
            sessions.check_contract(session, entry, path)
        else:
            with pytest.raises(InputError, match="is float64"):
                sessions.check_contract(session, entry, path)
