"""Open networks with ONNX Runtime on the wanted device, and check that they are what the registry says."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ..errors import InputError, MissingComponentError
from .options import Opened, session_options
from .providers import CPU, Choice, choose, first_line, session_errors
from .registry import Form, Network, TensorSpec, network, weights_path

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
}


def open_session(
    name: str | Path,
    device: str | Choice = "auto",
    threads: int | None = None,
    form: Form | None = None,
    fixed: bool = False,
) -> ort.InferenceSession:
    """A session for a registered network, or for an ONNX file, on a device; the same request gives the same session.

    ``device``: auto, cpu, cuda[:N], tensorrt[:N], directml[:N], coreml, openvino[:N], or what `choose` found.  ``threads``
    is the number of CPU threads of one inference: one, unless more were measured to be faster here.  ``form``: which of a
    network's forms; by default the exact one for the device, or half where that was measured to be faster.  ``fixed``: for
    `bound.FixedRun` alone, on GPUs recorded as a graph.  Raises `MissingComponentError` for a missing or damaged file or a
    device that does not work here, `InputError` for a file that is no such network.
    """
    registered = not isinstance(name, Path) and not name.endswith(".onnx")
    heavy = registered and not network(str(name)).bundled
    choice = choose(device, heavy=heavy) if isinstance(device, str) else device
    threads = threads or choice.threads
    if not registered:
        return _open(Path(name).resolve(), None, choice, threads, form, fixed)
    if form is None:
        form = choice.form if choice.form and has_form(str(name), choice.form) else exact_form(choice.provider)
    return _open(weights_path(str(name), form), str(name), choice, threads, form, fixed)


def has_form(name: str, form: Form) -> bool:
    """Whether a network has a file made for a form."""
    return any(file.form == form for file in network(name).files)


def exact_form(provider: str) -> Form:
    """The form of the networks that is exact and fast with a provider."""
    return "cpu" if provider == CPU else "plain"


def opened_files() -> frozenset[Path]:
    """The network files that this process opened: what its results were made with."""
    return frozenset(_opened)


_opened: set[Path] = set()


@cache
def _open(
    path: Path, name: str | None, choice: Choice, threads: int, form: Form | None, fixed: bool
) -> ort.InferenceSession:
    """Open a file, once; with the name of a registered network, check that it is that network."""
    if not path.is_file():
        raise MissingComponentError(f"The network file {path} does not exist: give the path of an ONNX file.")
    inputs = network(name).inputs if name is not None else ()
    session = _load(Opened(path, inputs, form == "half" or "fp16" in path.stem), choice, threads, fixed)
    if name is not None:
        check_contract(session, network(name), path)
    _opened.add(path)
    return session


class _OneAtATime(ort.InferenceSession):  # type: ignore[misc]
    """A session that several threads may run: DirectML breaks when two of them do at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._turn = threading.Lock()

    def run(self, *arguments: Any, **options: Any) -> Any:
        """As the session's own."""
        with self._turn:
            return super().run(*arguments, **options)

    def run_with_iobinding(self, *arguments: Any, **options: Any) -> None:
        """As the session's own."""
        with self._turn:
            super().run_with_iobinding(*arguments, **options)


def _load(opened: Opened, choice: Choice, threads: int, fixed: bool) -> ort.InferenceSession:
    path, options = opened.path, session_options(choice.device, threads)
    kind = _OneAtATime if choice.device == "directml" else ort.InferenceSession
    try:
        session = kind(str(path), options, providers=choice.session_providers(opened, fixed))
    except session_errors() as error:
        raise InputError(
            f"{path} cannot be opened as an ONNX network ({first_line(error)}): replace the file."
        ) from error
    if session.get_providers()[0] != choice.provider:
        raise MissingComponentError(
            f"ONNX Runtime did not take {choice.provider} for {path.name}: use --device cpu or see `understudy doctor`."
        )
    return session


def infer(session: ort.InferenceSession, *arrays: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Every output as float32, for inputs in any order: each goes to the first free input of as many dimensions.

    Values are cast to what the file takes, so that a half-precision export needs no other caller.  Raises `InputError`
    when the network has no such inputs.
    """
    free = list(session.get_inputs())
    feed = {}
    for array in arrays:
        taken = next((one for one in free if max(len(one.shape), 1) == array.ndim), None)
        if taken is None:
            raise InputError(
                f"The network has no input of {array.ndim} dimensions, but {[one.shape for one in session.get_inputs()]}."
            )
        free.remove(taken)
        feed[taken.name] = np.ascontiguousarray(array, _DTYPES.get(taken.type, "float32"))
    return [np.asarray(output, np.float32) for output in session.run(None, feed)]


def input_name(session: ort.InferenceSession, position: int = 0) -> str:
    """The name of an input: exports of other makers rename them, the position is what counts."""
    return str(session.get_inputs()[position].name)


def check_contract(session: ort.InferenceSession, entry: Network, path: Path) -> None:
    """`InputError` when number, element type or shape of inputs or outputs differ from the registry's contract."""
    for kind, wanted, found in (
        ("input", entry.inputs, session.get_inputs()),
        ("output", entry.outputs, session.get_outputs()),
    ):
        if len(found) < len(wanted) or (kind == "input" and len(found) != len(wanted)):
            raise InputError(
                f"{path} is not the network {entry.name!r}: it has {len(found)} {kind}s instead of {len(wanted)}; "
                f"replace the file ({entry.get})."
            )
        for spec, argument in zip(wanted, _in_order(wanted, found), strict=False):
            dtype = _DTYPES.get(argument.type, argument.type)
            if dtype not in (spec.dtype, *spec.also) or not _shape_fits(spec, argument.shape):
                raise InputError(
                    f"{path} is not the network {entry.name!r}: {kind} {argument.name!r} is {dtype} {argument.shape} "
                    f"instead of {spec.dtype} {list(spec.shape)}; replace the file ({entry.get})."
                )


def _in_order(wanted: tuple[TensorSpec, ...], found: list[ort.NodeArg]) -> list[ort.NodeArg]:
    """The file's tensors in the registry's order: makers rename and reorder them, so the shape tells which is which."""
    free, ordered = list(found), []
    for spec in wanted:
        fitting = (one for one in free if one.shape and _shape_fits(spec, one.shape))
        ordered.append(next(fitting, free[0]))
        free.remove(ordered[-1])
    return ordered


def _shape_fits(spec: TensorSpec, shape: list[int | str | None]) -> bool:
    """Fixed sizes must agree; a size left open on either side fits anything, and so does an undeclared shape."""
    if not shape:
        return True
    if len(shape) != len(spec.shape):
        return False
    return all(
        not isinstance(wanted, int) or not isinstance(found, int) or wanted == found
        for wanted, found in zip(spec.shape, shape, strict=True)
    )
