"""What ONNX Runtime is told for each provider. No GPU is needed: what is checked is what is handed over."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime as ort
import pytest
from understudy.inference.networks import options, providers, registry, sessions
from understudy.inference.networks.options import Opened, provider_options, session_options
from understudy.inference.networks.providers import Choice

NAMES = {provider.device: provider.name for provider in providers.PROVIDERS}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's folder of our own."""
    monkeypatch.setattr(options, "user_folder", lambda: tmp_path / "understudy" / "models")
    monkeypatch.setattr(options, "_driver", lambda: "999.01")
    return tmp_path / "understudy"


def attention(half: bool = False) -> Opened:
    entry = registry.network("face_landmarks_attention")
    return Opened(registry.weights_path(entry.name, "plain"), entry.inputs, half)


def test_cuda_looks_algorithms_up_and_takes_no_more_memory_than_asked_for() -> None:
    found = provider_options("cuda", 1, attention())
    assert found["device_id"] == "1"
    assert found["cudnn_conv_algo_search"] == "HEURISTIC"
    assert found["arena_extend_strategy"] == "kSameAsRequested"
    assert "enable_cuda_graph" not in found
    assert "gpu_mem_limit" not in found


@pytest.mark.parametrize(("device", "key"), [("cuda", "enable_cuda_graph"), ("tensorrt", "trt_cuda_graph_enable")])
def test_graphs_are_recorded_for_fixed_runs_alone(device: str, key: str) -> None:
    assert provider_options(device, 0, attention(), fixed=True)[key] == "1"
    assert key not in provider_options(device, 0, attention())


def test_tensorrt_keeps_engines_by_weights_and_driver_and_timings_for_all(home: Path) -> None:
    found = provider_options("tensorrt", 0, attention())
    engines, timings = Path(found["trt_engine_cache_path"]), Path(found["trt_timing_cache_path"])
    assert engines.is_dir()
    assert timings == home / "tensorrt" / "999.01"
    digest = registry.file_digest(registry.weights_path("face_landmarks_attention", "plain"))
    assert engines == home / "tensorrt" / f"999.01-{digest[:16]}"
    other = provider_options("tensorrt", 0, Opened(registry.weights_path("iris", "plain")))
    assert other["trt_engine_cache_path"] != found["trt_engine_cache_path"]
    assert other["trt_timing_cache_path"] == found["trt_timing_cache_path"]


def test_another_driver_gets_engines_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = provider_options("tensorrt", 0, attention())["trt_engine_cache_path"]
    monkeypatch.setattr(options, "_driver", lambda: "999.02")
    assert provider_options("tensorrt", 0, attention())["trt_engine_cache_path"] != before


def test_one_engine_of_tensorrt_serves_every_number_of_faces() -> None:
    found = provider_options("tensorrt", 0, attention())
    assert found["trt_profile_min_shapes"] == "image:1x192x192x3"
    assert found["trt_profile_opt_shapes"] == "image:32x192x192x3"
    assert found["trt_profile_max_shapes"] == "image:128x192x192x3"


def test_sizes_that_are_open_besides_the_batch_get_no_profile() -> None:
    open_size = registry.TensorSpec("image", "float32", ("N", 3, "H", "W"), "a picture")
    assert "trt_profile_min_shapes" not in provider_options("tensorrt", 0, Opened(attention().path, (open_size,)))


@pytest.mark.parametrize("half", [False, True])
def test_half_precision_is_only_for_forms_made_for_it(half: bool) -> None:
    assert ("trt_fp16_enable" in provider_options("tensorrt", 0, attention(half))) == half
    assert provider_options("coreml", 0, attention(half))["MLComputeUnits"] == ("ALL" if half else "CPUAndGPU")
    properties = json.loads(provider_options("openvino", 1, attention(half))["load_config"])["GPU"]
    assert properties["INFERENCE_PRECISION_HINT"] == ("f16" if half else "f32")


def test_core_ml_keeps_what_it_compiled_by_weights() -> None:
    found = provider_options("coreml", 0, attention())
    assert found["ModelFormat"] == "MLProgram"
    assert Path(found["ModelCacheDirectory"]).is_dir()
    other = provider_options("coreml", 0, Opened(registry.weights_path("iris", "plain")))
    assert other["ModelCacheDirectory"] != found["ModelCacheDirectory"]


@pytest.mark.parametrize(("index", "device"), [(0, "CPU"), (1, "GPU"), (2, "NPU"), (3, "GPU.1")])
def test_the_number_of_openvino_names_intels_device(index: int, device: str) -> None:
    found = provider_options("openvino", index, attention())
    assert found["device_type"] == device
    assert list(json.loads(found["load_config"])) == [device]


@pytest.mark.parametrize("device", ["tensorrt", "coreml", "openvino"])
def test_a_home_where_nothing_can_be_written_only_costs_the_cache(
    device: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(options, "user_folder", lambda: tmp_path / "file" / "models")
    found = provider_options(device, 1, attention())
    assert str(tmp_path) not in json.dumps(found)
    assert found


def test_threads_never_burn_a_core_while_they_wait() -> None:
    found = session_options("cpu", 2)
    assert found.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert (found.intra_op_num_threads, found.inter_op_num_threads) == (2, 1)
    assert found.enable_mem_pattern


def test_directml_gets_the_session_that_it_demands() -> None:
    found = session_options("directml", 1)
    assert not found.enable_mem_pattern
    assert found.execution_mode == ort.ExecutionMode.ORT_SEQUENTIAL
    assert provider_options("directml", 1, attention()) == {"device_id": "1"}


class Session:
    """A session that only remembers what it was opened with."""

    opened: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, path: str, options: ort.SessionOptions, providers: list[tuple[str, dict[str, str]]]) -> None:
        self.opened.append({"path": path, "options": options, "providers": providers})

    def get_providers(self) -> list[str]:
        return [name for name, _ in self.opened[-1]["providers"]]


def opened_by(device: str, monkeypatch: pytest.MonkeyPatch, fixed: bool = False) -> dict[str, Any]:
    """What `open_session` hands to ONNX Runtime on a device that is taken to be there."""
    monkeypatch.setattr(sessions, "choose", lambda _, **__: Choice(device, NAMES[device], 0, ""))
    monkeypatch.setattr(sessions.ort, "InferenceSession", Session)
    monkeypatch.setattr(sessions, "_OneAtATime", Session)
    monkeypatch.setattr(sessions, "check_contract", lambda *_: None)
    sessions._open.cache_clear()
    sessions.open_session("iris", device, fixed=fixed)
    sessions._open.cache_clear()
    return Session.opened[-1]


@pytest.mark.parametrize(
    ("device", "order"),
    [
        ("cpu", ["cpu"]),
        ("cuda", ["cuda", "cpu"]),
        ("tensorrt", ["tensorrt", "cuda", "cpu"]),
        ("directml", ["directml", "cpu"]),
        ("coreml", ["coreml", "cpu"]),
        ("openvino", ["openvino", "cpu"]),
    ],
)
def test_a_session_gets_the_options_of_its_device_and_what_helps_out(
    device: str, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = opened_by(device, monkeypatch)
    assert [name for name, _ in found["providers"]] == [NAMES[one] for one in order]
    path = registry.weights_path("iris", "cpu" if device == "cpu" else "plain")
    assert found["path"] == str(path)
    opened = Opened(path, registry.network("iris").inputs)
    assert found["providers"][0][1] == provider_options(device, 0, opened)
    assert found["options"].enable_mem_pattern == (device != "directml")


def test_a_session_for_fixed_runs_records_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened_by("cuda", monkeypatch, fixed=True)["providers"][0][1]["enable_cuda_graph"] == "1"


def test_every_option_of_the_cpu_is_understood() -> None:
    session = sessions.open_session("iris", "cpu", threads=2)
    (result, _) = session.run(None, {"image": np.zeros((1, 64, 64, 3), np.float32)})
    assert result.shape == (1, 71, 3)


def test_directml_runs_one_thread_at_a_time() -> None:
    path = registry.weights_path("iris", "cpu")
    session = sessions._OneAtATime(str(path), providers=["CPUExecutionProvider"])
    image = {"image": np.zeros((1, 64, 64, 3), np.float32)}
    session._turn.acquire()
    waiting = threading.Thread(target=session.run, args=(None, image))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    session._turn.release()
    waiting.join(5)
    assert not waiting.is_alive()
