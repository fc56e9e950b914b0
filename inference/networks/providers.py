"""Which devices can run networks here, found out by running one, and a plain reason for each that cannot."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort

from ..errors import MissingComponentError, UsageError
from .options import Opened, openvino_device, provider_options, session_options
from .registry import Form
from .tuned import Tuned, read_tuned, why_stale

CPU = "CPUExecutionProvider"
_NVIDIA = ("cuda", "tensorrt")
_CUDA_FILES = ("libcudart.so*", "libcublas.so*", "libcudnn.so*", "cudart64_*.dll", "cublas64_*.dll", "cudnn64_*.dll")

# y = Relu(x * identity) with a 3 x 3 kernel (ONNX, opset 17): whether a provider starts and computes; convolutions are
# what NVIDIA's provider needs cuDNN for.
_PROBE = bytes.fromhex(
    "080812003aa4010a220a01780a01771201632204436f6e762a110a04706164734001400140014001a001070a0c0a016312017922045265"
    "6c751201672a33080108010803080310012224000000000000000000000000000000000000803f00000000000000000000000000000000"
    "4201775a1b0a017812160a14080112100a0208010a0208010a0208030a020803621b0a017912160a14080112100a0208010a0208010a02"
    "08030a02080342040a001011"
)


@dataclass(frozen=True)
class Provider:
    """An execution provider of ONNX Runtime and the device name users give."""

    device: str
    name: str
    package: str
    """The build of ONNX Runtime that contains it."""
    automatic: bool
    """Whether "auto" takes it when it works; the others must be asked for."""


PROVIDERS = (
    Provider("cuda", "CUDAExecutionProvider", "onnxruntime-gpu[cuda,cudnn], or the CUDA zip of the extension", True),
    Provider("tensorrt", "TensorrtExecutionProvider", "onnxruntime-gpu[cuda,cudnn] and tensorrt", False),
    Provider("directml", "DmlExecutionProvider", "onnxruntime-directml, or the DirectML zip of the extension", True),
    Provider("coreml", "CoreMLExecutionProvider", "onnxruntime for macOS", False),
    Provider("openvino", "OpenVINOExecutionProvider", "onnxruntime-openvino", False),
    Provider("cpu", CPU, "onnxruntime", True),
)


@dataclass(frozen=True)
class Choice:
    """The device that sessions are opened on."""

    device: str
    provider: str
    index: int
    reason: str
    """Why "auto" came to this device; empty when the user named it."""
    threads: int = 1
    """CPU threads of one run, where sessions are not opened with another number."""
    form: Form | None = None
    """The form in which networks that have it are opened; else the exact one."""

    @property
    def for_small_graphs(self) -> Choice:
        """The same device for what only copies around its networks: TensorRT would build an engine for every shape."""
        return replace(self, device="cuda", provider="CUDAExecutionProvider") if self.device == "tensorrt" else self

    def session_providers(self, opened: Opened | None = None, fixed: bool = False) -> list[tuple[str, dict[str, str]]]:
        """The argument of an inference session: the provider with its options, then what takes the operators it lacks."""
        wanted = [(self.provider, provider_options(self.device, self.index, opened, fixed))]
        if self.device == "tensorrt":
            wanted.append(("CUDAExecutionProvider", provider_options("cuda", self.index)))
        return wanted if self.provider == CPU else [*wanted, (CPU, {})]


@dataclass(frozen=True)
class ProviderStatus:
    """One line of the report."""

    device: str
    name: str
    compiled_in: bool
    available: bool
    """A network has really been computed with it."""
    used: bool
    """Whether "auto" takes it."""
    reason: str
    """Why it is not available, or not used; empty when it is used."""


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """ONNX Runtime reports a missing library on standard error, and its preloader prints; the reason is told by us."""
    ort.set_default_logger_severity(4)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            yield said
    finally:
        ort.set_default_logger_severity(3)


@cache
def _preload_cuda() -> tuple[str, ...]:
    """Load NVIDIA's libraries: the user's, those that pip installed beside ONNX Runtime, the system's.

    Returns the file names of those that are nowhere to be found.
    """
    if not hasattr(ort, "preload_dlls"):
        return ()
    for folder in cuda_folders():
        with _quiet():
            ort.preload_dlls(directory=str(folder))
    with _quiet() as said:
        ort.preload_dlls()
    failed = re.findall(r"Failed to load (.+?(?:\.dll|\.so[.\d]*)):", said.getvalue())
    return tuple(dict.fromkeys(re.split(r"[/\\]", path)[-1] for path in failed))


def cuda_folders() -> list[Path]:
    """The folders with libraries at and below the one that UNDERSTUDY_CUDA names, cuDNN's after CUDA's own."""
    given = os.environ.get("UNDERSTUDY_CUDA")
    found = {path.parent for pattern in _CUDA_FILES for path in Path(given).rglob(pattern)} if given else set()
    return sorted(found, key=lambda folder: ("cudnn" in folder.as_posix(), folder))


def _why_not_loaded(provider: Provider, index: int) -> str:
    """What a provider that is compiled in lacks."""
    if provider.device == "openvino" and index > 0:
        return f"OpenVINO finds no such device ({openvino_device(index)}) here"
    missing = _preload_cuda() if provider.device in _NVIDIA else ()
    if not missing:
        return f"its libraries could not be loaded (install {provider.package})"
    return (
        f"{', '.join(missing)} cannot be found (install CUDA and cuDNN in these versions, or {provider.package}, "
        "or say in UNDERSTUDY_CUDA in which folder they are)"
    )


def _has_nvidia_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


@cache
def why_unavailable(provider: Provider, index: int = 0) -> str:
    """Compute one number with a provider; the plain reason when that fails, empty when it works."""
    if provider.name not in ort.get_available_providers():
        return f"this build of ONNX Runtime has no {provider.name} (it comes with {provider.package})"
    nvidia = provider.device in _NVIDIA
    if nvidia and not _has_nvidia_driver():
        return "no NVIDIA driver was found"
    if nvidia:
        _preload_cuda()
    options = session_options(provider.device, 1)
    options.log_severity_level = 4
    choice = Choice(provider.device, provider.name, index, "")
    with _quiet():
        try:
            session = ort.InferenceSession(_PROBE, options, providers=choice.session_providers())
            if session.get_providers()[0] != provider.name:
                return _why_not_loaded(provider, index)
            session.run(None, {"x": np.ones((1, 1, 3, 3), np.float32)})
        except session_errors() as error:
            return first_line(error)
    return ""


def session_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises for a file or a provider that it cannot use."""
    state = ort.capi.onnxruntime_pybind11_state
    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
        state.EPFail,
        ValueError,
        RuntimeError,
    )


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def tuned_here() -> tuple[Tuned | None, str]:
    """What was measured with `understudy doctor --tune`, and why it says nothing about this machine if it does not."""
    tuned = read_tuned()
    if tuned is None:
        return None, ""
    return tuned, why_stale(tuned, ort.__version__, tuple(ort.get_available_providers()))


@cache
def choose(device: str, heavy: bool = False) -> Choice:
    """The provider for a device name: auto, cpu, cuda[:N], tensorrt[:N], directml[:N], coreml or openvino[:N].

    Raises `UsageError` for an unknown name, `MissingComponentError` with the reason for a device that does not work.
    "auto" takes what `understudy doctor --tune` found to be the fastest, else the first that works, and keeps the reasons.
    ``heavy``: for networks that take a hundred times what capture's do, of which those measurements say nothing.
    """
    if device == "auto":
        return _choose_automatically(heavy)
    kind, _, number = device.partition(":")
    by_device = {provider.device: provider for provider in PROVIDERS}
    if kind not in by_device or (number and not (number.isascii() and number.isdigit())):
        raise UsageError(
            f"{device!r} is no device: use auto, {', '.join(by_device)}, or with the number of the GPU as in cuda:0."
        )
    index = int(number or 0)
    reason = why_unavailable(by_device[kind], index)
    if reason:
        raise MissingComponentError(f"The device {device} cannot be used because {reason}: use --device cpu or auto.")
    return Choice(kind, by_device[kind].name, index, "")


def _choose_automatically(heavy: bool) -> Choice:
    reasons: list[str] = []
    tuned, stale = tuned_here()
    if tuned is not None and not stale and not heavy:
        kind, _, number = tuned.device.partition(":")
        provider = next((provider for provider in PROVIDERS if provider.device == kind), None)
        index = int(number) if number.isascii() and number.isdigit() else 0
        stale = why_unavailable(provider, index) if provider is not None else "there is no such device"
        if provider is not None and not stale:
            reason = f"the fastest of those measured on {tuned.date}"
            form: Form | None = "half" if tuned.form == "half" else None
            return Choice(provider.device, provider.name, index, reason, tuned.threads, form)
        reasons.append(f"{tuned.device}, which was the fastest on {tuned.date}: {stale}")
    for provider in PROVIDERS:
        if not provider.automatic:
            continue
        reason = why_unavailable(provider)
        if not reason:
            return Choice(provider.device, provider.name, 0, "; ".join(reasons))
        reasons.append(f"{provider.device}: {reason}")
    raise MissingComponentError("ONNX Runtime computes nothing here, not even on the CPU: install onnxruntime again.")


def providers_report() -> list[ProviderStatus]:
    """The state of every provider on this machine, the preferred first."""
    used = choose("auto").provider
    report = []
    for provider in PROVIDERS:
        reason = why_unavailable(provider)
        if not reason and provider.name != used:
            reason = "works, and is used when asked for" if not provider.automatic else "a faster device is used"
        report.append(
            ProviderStatus(
                provider.device,
                provider.name,
                provider.name in ort.get_available_providers(),
                not why_unavailable(provider),
                provider.name == used,
                "" if provider.name == used else reason,
            )
        )
    return report
