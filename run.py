#!/usr/bin/env python3
"""Understudy's one entry for people: makes its own environments, then runs what is asked. Standard library only.

    python3 run.py demo [ARGS...]              the main job on the clip that ships with the project
    python3 run.py understudy ARGS...          the command line
    python3 run.py test [unit|blender|training|package] [PYTEST ARGS...]
    python3 run.py build [--all]               the extension zip of this platform, or of all
    python3 run.py lint
    python3 run.py bench [NAME [ARGS...]]      one benchmark; without a name, what there is
    python3 run.py train [STEP [ARGS...]]      one step of training the landmark network; without a name, what there is

Environments live in `.envs/`, one per file of `locks/`, and are made again when their lock changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent
ENVIRONMENTS = ROOT / ".envs"
PYTHON_VERSION = "3.11"  # the Python of Blender 4.2 to 5.0; a lock may ask for another one
SUITE_LIMIT_S = 1800
TRAINING = "training"
"""Its environment is filled by pip with dependencies: pip's settings may name a plain CPU build of torch, which uv does not
see, and a build for GPUs wants libraries of its own beside it."""

# Shared libraries that the bpy module needs and a bare Debian lacks -> their packages.
DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libgomp.so.1": "libgomp1",
    "libxkbcommon.so.0": "libxkbcommon0",
}


class SetupError(Exception):
    """The set-up cannot go on; the message is one sentence with the cure."""


@dataclass(frozen=True)
class Suite:
    """One pytest run: its title, the environment whose Python it tests, the folder with the tests."""

    title: str
    environment: str
    folder: str
    optional: bool = False  # Blender 4.2 has modules for fewer systems
    large: bool = False  # PyTorch is some GB: tested when it is named, or there already


@dataclass(frozen=True)
class Counts:
    """What one suite came to."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


SUITES = (
    Suite("unit", "main", "tests/unit"),
    Suite("blender 4.5", "main", "tests/blender"),
    Suite("blender 5.0", "blender-5.0", "tests/blender"),
    Suite("blender 4.2", "blender-4.2", "tests/blender", optional=True),
    Suite("training", TRAINING, "tests/unit/training", optional=True, large=True),
    Suite("package", "main", "tests/package"),
)


# ------------------------------------------------------------------------------------------------ environments
def say(text: str) -> None:
    """Tell the person what happens; standard output stays free for the command's own."""
    print(f"[run.py] {text}", file=sys.stderr, flush=True)


def clean_variables() -> dict[str, str]:
    """The process environment without what would let other Python packages in."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | {"PYTHONNOUSERSITE": "1"}


def call(command: Sequence[str | Path], failure: str) -> None:
    """Run a set-up step; what it has to say goes to standard error, when it fails."""
    step = [str(part) for part in command]
    result = subprocess.run(
        step,
        env=clean_variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode:
        print(result.stdout, file=sys.stderr)
        raise SetupError(failure)


def succeeds(*command: str) -> bool:
    """Whether a program is there and ends well."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def python_of(folder: Path) -> Path:
    """The interpreter inside an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_version(name: str) -> str:
    """The Python that an environment's lock asks for, where it is not the common one."""
    lock = ROOT / "locks" / f"{name}.txt"
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.exists() else []
    named = [line.removeprefix("# Python:").strip() for line in lines if line.startswith("# Python:")]
    return named[0] if named else PYTHON_VERSION


def matching_python(version: str = PYTHON_VERSION) -> str | None:
    """A Python of the right version on this machine, if there is one."""
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        return sys.executable
    name = f"python{version}"
    return name if succeeds(name, "--version") else None


def find_uv() -> str | None:
    """The uv to use: the installed one; our own where no Python of the right version exists; None = venv and pip."""
    if succeeds("uv", "--version"):
        return "uv"
    if matching_python():
        return None
    folder = ENVIRONMENTS / "uv"
    program = python_of(folder).with_name("uv.exe" if os.name == "nt" else "uv")
    if not program.exists():
        say(f"no Python {PYTHON_VERSION} here: installing uv, which brings one")
        make_venv(sys.executable, folder)
        call([python_of(folder), "-m", "pip", "install", "--quiet", "uv"], "uv could not be installed: see above.")
    return str(program)


def make_venv(python: str, folder: Path) -> None:
    """An empty environment with pip."""
    cure = "install Python's venv module (on Debian: apt-get install python3-venv) or uv, then run this again."
    call([python, "-m", "venv", "--clear", folder], f"Python could not make an environment: {cure}")


def requirements(name: str) -> str:
    """The lock of an environment as pip reads it; with an NVIDIA driver the GPU build of ONNX Runtime takes over."""
    lines = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    if name == "main" and sys.platform != "darwin" and succeeds("nvidia-smi", "-L"):
        gpu = (ROOT / "locks" / "gpu.txt").read_text(encoding="utf-8").splitlines()
        replaced = {line.partition("==")[0] for line in gpu} | {"onnxruntime"}
        lines = [line for line in lines if line.partition("==")[0] not in replaced] + gpu
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"


def ensure_environment(name: str) -> Path:
    """The interpreter of an environment, which is made when absent, incomplete or older than its lock."""
    folder = ENVIRONMENTS / name
    wanted = requirements(name)
    digest = hashlib.sha256((python_version(name) + "\n" + wanted).encode()).hexdigest()
    stamp = folder / "complete"  # written last: whatever lacks it was interrupted
    if not (stamp.exists() and stamp.read_text() == digest and python_of(folder).exists()):
        start = time.monotonic()
        say(f"making the environment {name} (once; some hundred MB)")
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        install(folder, wanted, editable=not name.startswith("package"))
        stamp.write_text(digest)
        say(f"{name} is ready after {time.monotonic() - start:.0f} s")
    check_libraries(folder)
    return python_of(folder)


def install(folder: Path, wanted: str, editable: bool) -> None:
    """Make an environment and fill it with the locked packages, and this checkout as `understudy`."""
    with_pip = folder.name == TRAINING and matching_python() is not None
    uv, version = None if with_pip else find_uv(), python_version(folder.name)
    failure = f"the packages of {folder.name} could not be installed: see above, check the network, run this again."
    if uv:
        made = f"uv could not fetch Python {version}: install that Python, then run this again."
        call([uv, "venv", "--quiet", "--no-project", "--python", version, folder], made)
        installer: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python_of(folder)]
    else:
        python = matching_python(version)
        if python is None:
            raise SetupError(f"There is no Python {version} here: install it or uv, then run this again.")
        make_venv(python, folder)
        installer = [python_of(folder), "-m", "pip", "install", "--quiet"]
    lock = folder / "requirements.txt"
    lock.write_text(wanted)
    exactly = [] if folder.name == TRAINING else ["--no-deps"]
    call([*installer, *exactly, "-r", lock], failure)
    if editable:
        call([*installer, "--no-deps", "--no-build-isolation", "-e", ROOT], failure)


def check_libraries(folder: Path) -> None:
    """Say which system packages are missing before Blender's module fails on them one by one."""
    module = next(folder.glob("lib/python*/site-packages/bpy/__init__*.so"), None)
    if not sys.platform.startswith("linux") or module is None or shutil.which("ldd") is None:
        return
    report = subprocess.run(["ldd", str(module)], capture_output=True, text=True, check=False).stdout
    missing = sorted(line.split()[0] for line in report.splitlines() if line.endswith("not found"))
    if missing:
        packages = " ".join(DEBIAN_PACKAGES.get(library, library) for library in missing)
        raise SetupError(f"Blender needs system libraries; on Debian or Ubuntu: apt-get install -y {packages}")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let a second run.py wait until the first one's set-up is done; the system drops the lock of a killed process."""
    ENVIRONMENTS.mkdir(exist_ok=True)
    with (ENVIRONMENTS / "lock").open("w") as file:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def set_up(*names: str) -> list[Path]:
    """The interpreters of the named environments, all ready to use."""
    with one_at_a_time():
        return [ensure_environment(name) for name in names]


def set_up_main() -> Path:
    """The interpreter of the main environment, with the model weights built."""
    (python,) = set_up("main")
    digest = hashlib.sha256((ROOT / "models" / "registry.toml").read_bytes()).hexdigest()
    stamp = ROOT / "models" / "weights" / "complete"  # as for environments; the registry knows the digest of every file
    with one_at_a_time():
        if not (stamp.exists() and stamp.read_text() == digest):
            say("building the model weights (once)")
            call([python, "-m", "understudy.models.build"], "the model weights could not be built: see above.")
            stamp.write_text(digest)
    return python


# ------------------------------------------------------------------------------------------------ commands
def run(command: Sequence[str | Path], **variables: str) -> int:
    """Run a program for the person, in the checkout's environment; its exit code."""
    process = subprocess.Popen([str(part) for part in command], env=clean_variables() | variables)
    while True:
        # Ctrl-C reaches the program too, which puts its work in order before it ends
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


def understudy(arguments: list[str]) -> int:
    """The command line."""
    return run([set_up_main(), "-m", "understudy.inference.cli", *arguments])


def demo(arguments: list[str]) -> int:
    """The main job on the sample performance."""
    return understudy(["demo", *arguments])


def build(arguments: list[str]) -> int:
    """The extension zips, in `dist/`."""
    return run([set_up_main(), ROOT / "release" / "build.py", *arguments])


def lint(arguments: list[str]) -> int:
    """Style, formatting and types."""
    (python,) = set_up("main")
    os.chdir(ROOT)
    codes = [
        run([python, "-m", "ruff", "check", *arguments]),
        run([python, "-m", "ruff", "format", "--check"]),
        run([python, "-m", "mypy"]),
    ]
    return max(codes)


def bench(arguments: list[str]) -> int:
    """One benchmark with its own arguments; without a name, what there is."""
    programs = {
        path.stem: path for path in sorted((ROOT / "benchmarks").glob("*.py")) if "__main__" in path.read_text()
    }
    if not arguments:
        for name, path in programs.items():
            print(f"{name}: {path.read_text().splitlines()[0].strip(chr(34))}")
        return 0
    name, *rest = arguments
    if name not in programs:
        raise SetupError(f"There is no benchmark {name}; there are: {', '.join(programs)}.")
    return run([set_up_main(), programs[name], *rest], OPENBLAS_NUM_THREADS="1")  # as the command line has it


def train(arguments: list[str]) -> int:
    """One step of training with its own arguments; without a name, what there is."""
    set_up_main()  # training starts from the default networks, which are converted there
    (python,) = set_up(TRAINING)
    return run([python, "-m", "understudy.training", *arguments])


def test(arguments: list[str]) -> int:
    """The test suites: all, or those of one part; the last line counts over all of them."""
    parts = {suite.title.partition(" ")[0] for suite in SUITES}
    part = arguments.pop(0) if arguments and arguments[0] in parts else ""
    start = time.monotonic()
    set_up_main()
    asked = [suite for suite in SUITES if suite.title.startswith(part)]
    results = {
        suite.title: run_suite(suite, arguments)
        for suite in asked
        if part or not suite.large or (ENVIRONMENTS / suite.environment).exists()
    }
    for title, result in results.items():
        print(f"{title}: {result if isinstance(result, Counts) else f'not run: {result}'}")
    counted = [result for result in results.values() if isinstance(result, Counts)]
    total = Counts(*(sum(getattr(counts, field) for counts in counted) for field in ("passed", "failed", "skipped")))
    print(f"{total} in {time.monotonic() - start:.1f}s", flush=True)
    return 1 if total.failed or not total.passed else 0


def run_suite(suite: Suite, arguments: list[str]) -> Counts | str:
    """Run one suite; where its optional environment cannot be made, the reason."""
    try:
        (python,) = set_up(suite.environment)
    except SetupError as error:
        if not suite.optional:
            raise
        return str(error)
    variables = package_variables(python) if suite.title == "package" else {}
    say(f"testing: {suite.title}")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [python, "-m", "pytest", suite.folder, f"--junitxml={report}", "-rfE", *arguments]
        try:
            subprocess.run(command, cwd=ROOT, env=clean_variables() | variables, timeout=SUITE_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            say(f"{suite.title}: stopped after {SUITE_LIMIT_S} s")
        return read_counts(report)


def read_counts(report: Path) -> Counts:
    """The figures of pytest's report; a suite that died before writing one counts as one failure."""
    if not report.exists():
        return Counts(passed=0, failed=1, skipped=0)
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for field in total:
            total[field] += int(suite.get(field, 0))
    failed = total["failures"] + total["errors"]
    return Counts(passed=total["tests"] - failed - total["skipped"], failed=failed, skipped=total["skipped"])


def package_variables(python: Path) -> dict[str, str]:
    """Build the zip and the bare Blenders it is tested in; what tests/package reads."""
    bare = set_up("package-4.5", "package-5.0")
    for name in ("package-4.2", "package-5.2"):  # the modules are there for fewer systems, one needs another Python
        try:
            bare += set_up(name)
        except SetupError as error:
            say(f"the zip is not tested on Blender {name.partition('-')[2]}: {error}")
    if run([python, ROOT / "release" / "build.py"]):
        raise SetupError("the extension zip could not be built: see above.")
    return {"UNDERSTUDY_BARE_BLENDERS": os.pathsep.join(str(path) for path in bare)}


COMMANDS = {
    "demo": demo,
    "test": test,
    "understudy": understudy,
    "build": build,
    "lint": lint,
    "bench": bench,
    "train": train,
}


def main(arguments: list[str]) -> int:
    """Dispatch; every end has an exit code and every failure one sentence."""
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except SetupError as error:
        print(error, file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
