"""What ONNX Runtime is told when a network is opened: the options of each provider and of the session, each with its reason.

Names and defaults are those of ONNX Runtime's pages on execution providers; its `get_provider_options` of an open session
says what was understood.
"""

from __future__ import annotations

import ctypes
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnxruntime as ort

from .registry import TensorSpec, file_digest, user_folder

_OPTIMAL_BATCH, _LARGEST_BATCH = 32, 128
_WORKSPACE = 1 << 30
_OPENVINO_DEVICES = ("CPU", "GPU", "NPU")


@dataclass(frozen=True)
class Opened:
    """What is opened, as far as options depend on it."""

    path: Path
    inputs: tuple[TensorSpec, ...] = ()
    """The registry's; nothing for a file that is not registered."""
    half: bool = False
    """Whether it computes in half precision: such a form is registered with its measured loss."""


def provider_options(device: str, index: int, opened: Opened | None = None, fixed: bool = False) -> dict[str, str]:
    """The options of a device's provider; ``fixed`` when every run has the same shapes at the same addresses."""
    if device == "tensorrt":
        return _tensorrt(index, opened, fixed)
    if device == "cuda":
        return _cuda(index, fixed)
    if device == "directml":
        return {"device_id": str(index)}
    if device == "coreml":
        return _coreml(opened)
    if device == "openvino":
        return _openvino(index, opened)
    return {}


def session_options(device: str, threads: int) -> ort.SessionOptions:
    """The options of a session on a device, with so many CPU threads for one run."""
    options = ort.SessionOptions()
    # Extended optimisation alone leaves the CPU's blocked layout out: 9 ms instead of 5 for a 256 px network.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1  # the networks are chains: there is nothing to run side by side
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    # Threads that wait for work would burn a core: with two, and pauses of 20 ms as live, 33 ms of CPU a face instead of 9.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device == "directml":
        options.enable_mem_pattern = False  # DirectML refuses sessions with it
    return options


def _cuda(index: int, fixed: bool) -> dict[str, str]:
    options = {
        "device_id": str(index),
        # It is asked anew for each shape, and faces come and go: a lookup instead of 0.3 s of trying, and no slower after.
        "cudnn_conv_algo_search": "HEURISTIC",
        # Doubling would take memory that Blender's viewport and renders want.
        "arena_extend_strategy": "kSameAsRequested",
        # Products of 10 bits are what cards since Ampere are fast with. Rounded so, our points move by .01 px of 256 (root
        # mean square), our coefficients by .0002, MediaPipe's mesh by .004 px and its lips by .03.
        "use_tf32": "1",
    }
    # One launch of a recorded graph instead of one for each operator.
    return {**options, "enable_cuda_graph": "1"} if fixed else options


def _tensorrt(index: int, opened: Opened | None, fixed: bool) -> dict[str, str]:
    options = {
        "device_id": str(index),
        # A quarter of a minute of building must not take all memory of a card that Blender draws with.
        "trt_max_workspace_size": str(_WORKSPACE),
        # The parts of a network that TensorRT takes run one after the other.
        "trt_context_memory_sharing_enable": "1",
    }
    if fixed:
        options["trt_cuda_graph_enable"] = "1"  # as with CUDA
    if opened is None:
        return options
    if opened.half:
        options["trt_fp16_enable"] = "1"  # only for a form whose loss was measured
    shapes = _batches(opened.inputs)
    if shapes:  # one engine for every number of faces: otherwise it is built anew whenever a larger batch comes
        options["trt_profile_min_shapes"], options["trt_profile_opt_shapes"], options["trt_profile_max_shapes"] = shapes
    # ONNX Runtime names an engine by the graph, the card, and the versions of itself, CUDA and TensorRT (a prefix of ours
    # would take the place of these); the weights and the driver are left to us.
    folder = _cache_folder("tensorrt", f"{_driver()}-{file_digest(opened.path)[:16]}")
    timings = _cache_folder("tensorrt", _driver())
    if folder is not None and timings is not None:
        options["trt_engine_cache_enable"], options["trt_engine_cache_path"] = "1", str(folder)
        # What one network's layers took is known when the next is built.
        options["trt_timing_cache_enable"], options["trt_timing_cache_path"] = "1", str(timings)
    return options


def _batches(inputs: tuple[TensorSpec, ...]) -> tuple[str, str, str] | None:
    """The smallest, usual and largest shapes when the batch is the only size that varies."""
    words = {size for spec in inputs for size in spec.shape if not isinstance(size, int)}
    if words != {"N"}:
        return None
    smallest, usual, largest = (
        ",".join(
            f"{spec.name}:{'x'.join(str(count if size == 'N' else size) for size in spec.shape)}" for spec in inputs
        )
        for count in (1, _OPTIMAL_BATCH, _LARGEST_BATCH)
    )
    return smallest, usual, largest


def _coreml(opened: Opened | None) -> dict[str, str]:
    options = {
        "ModelFormat": "MLProgram",  # knows more operators than the older format, and float32 on the graphics
        "MLComputeUnits": "ALL",  # Core ML divides the work; the neural engine computes in half precision
    }
    if opened is None:
        return options
    if not opened.half:
        options["MLComputeUnits"] = "CPUAndGPU"  # in the network's own precision
    # Compiling takes seconds. Core ML looks at the file's path alone, so that other weights need another folder.
    folder = _cache_folder("coreml", f"{ort.__version__}-{file_digest(opened.path)[:16]}")
    return {**options, "ModelCacheDirectory": str(folder)} if folder is not None else options


def openvino_device(index: int) -> str:
    """What the number in openvino:N means: the processor, Intel's graphics, its neural unit, then further graphics."""
    return _OPENVINO_DEVICES[index] if index < len(_OPENVINO_DEVICES) else f"GPU.{index - 2}"


def _openvino(index: int, opened: Opened | None) -> dict[str, str]:
    device = openvino_device(index)
    properties = {"NUM_STREAMS": "1"}  # a run at a time, as soon as it can be
    if device == "CPU":
        properties["INFERENCE_NUM_THREADS"] = "1"  # as with our own sessions: more were slower for these networks
    elif device != "NPU":
        properties["INFERENCE_PRECISION_HINT"] = (
            "f16" if opened is not None and opened.half else "f32"
        )  # else f16 always
    folder = _cache_folder("openvino", ort.__version__) if device != "CPU" else None
    if folder is not None:
        properties["CACHE_DIR"] = str(folder)  # compiled kernels; Intel's own key holds network, driver and version
    # The single options of the same meanings are deprecated since 1.23.
    return {"device_type": device, "load_config": json.dumps({device: properties})}


def _cache_folder(device: str, key: str) -> Path | None:
    """A folder for what a provider keeps from one start to the next, or None where nothing can be written."""
    folder = user_folder().parent / device / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


@cache
def _driver() -> str:
    """The version of NVIDIA's driver, by its management library."""
    text = ctypes.create_string_buffer(80)
    try:
        library = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        if library.nvmlInit_v2() == 0 and library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text))) == 0:
            return text.value.decode("ascii", "replace")
    except (OSError, AttributeError):
        pass
    return "unknown"
