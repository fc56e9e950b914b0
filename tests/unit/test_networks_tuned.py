"""The file of what was measured: what goes in comes out, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference.networks import providers, registry, sessions, tuned
from understudy.inference.networks.tuned import Decoded, Measured, Tuned, read_tuned, tuned_of, write_tuned

figures = st.none() | st.floats(0, 1e8)
measured = st.builds(
    Measured,
    device=st.text(),
    form=st.text(),
    threads=st.integers(1, 1024),
    face_ms=figures,
    processor_ms=figures,
    start_s=figures,
    deviation=figures,
    networks_ms=st.dictionaries(st.text(), st.dictionaries(st.text(), st.floats(0, 1e8), max_size=2), max_size=2),
    problem=st.text(),
)
files = st.builds(
    Tuned,
    date=st.text(),
    machine=st.text(),
    onnxruntime=st.text(),
    providers=st.lists(st.text()).map(tuple),
    device=st.text(),
    form=st.text(),
    threads=st.integers(1, 1024),
    decoder=st.text(),
    measured=st.lists(measured, max_size=3).map(tuple),
    decoded=st.lists(st.builds(Decoded, st.text(), figures, figures, st.text(), st.text()), max_size=2).map(tuple),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def plain(value: Tuned) -> dict[str, Any]:
    return json.loads(json.dumps({"schema": 1, **asdict(value)}))


@given(files)
def test_what_is_written_is_read(value: Tuned) -> None:
    assert tuned_of(plain(value)) == value


@given(files, st.data())
def test_a_field_of_another_kind_is_refused_or_taken_as_it_is(value: Tuned, data: st.DataObject) -> None:
    table = plain(value)
    field = data.draw(st.sampled_from(sorted(table)))
    table[field] = data.draw(anything)
    try:
        found = tuned_of(table)
    except ValueError:
        return
    assert plain(found) == {**table, "measured": plain(found)["measured"], "decoded": plain(found)["decoded"]}


@given(anything)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="fields"):
        tuned_of(value)


HERE = Tuned(
    "2026-11-23",
    tuned.this_machine(),
    ort.__version__,
    tuple(ort.get_available_providers()),
    "cpu",
    "cpu",
    2,
    "software",
    (
        Measured("cpu", "cpu", 1, 6.0, 7.0, 0.5, 0.0, {"iris": {"1": 1.0}}),
        Measured("cpu", "cpu", 2, 4.0, 8.0, 0.5, 0.0, {"iris": {"1": 1.0}}),
    ),
)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A user's folder of our own, and devices not chosen before."""
    monkeypatch.setenv("UNDERSTUDY_DATA", str(tmp_path / "understudy"))
    providers.choose.cache_clear()
    yield tmp_path / "understudy" / "devices.json"
    providers.choose.cache_clear()


def test_the_file_stands_beside_the_users_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERSTUDY_DATA")
    assert tuned.tuned_file() == registry.user_folder().with_name("devices.json")


def test_the_file_stands_in_the_users_data_folder_where_one_is_named(home: Path) -> None:
    assert read_tuned() is None
    assert write_tuned(HERE) == home
    assert read_tuned() == HERE
    assert [path.name for path in home.parent.iterdir()] == ["devices.json"]
    assert HERE.chosen == HERE.measured[1]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b'{"schema": 2}'])
def test_a_broken_file_is_ignored_with_a_warning(home: Path, content: bytes) -> None:
    home.parent.mkdir(parents=True)
    home.write_bytes(content)
    with pytest.warns(UserWarning, match=r"devices\.json is ignored .* --tune again, or delete it"):
        assert read_tuned() is None
    with pytest.warns(UserWarning, match="ignored"):
        assert providers.choose("auto").threads == 1
    with pytest.warns(UserWarning, match="ignored"):
        assert tuned.tuned_decoder() == "software"


def test_auto_takes_what_was_measured_and_sessions_its_threads() -> None:
    write_tuned(HERE)
    choice = providers.choose("auto")
    assert (choice.device, choice.threads) == ("cpu", 2)
    assert choice.reason == "the fastest of those measured on 2026-11-23"
    assert sessions.open_session("iris").get_session_options().intra_op_num_threads == 2
    assert sessions.open_session("iris", threads=1).get_session_options().intra_op_num_threads == 1
    assert providers.choose("cpu").threads == 1
    assert sessions.open_session("iris", "cpu").get_session_options().intra_op_num_threads == 1


def test_half_precision_that_was_measured_to_be_fastest_is_opened_where_a_network_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_tuned(replace(HERE, device="cuda:1", form="half", threads=1))
    monkeypatch.setattr(providers, "why_unavailable", lambda *_: "")
    choice = providers.choose("auto")
    assert (choice.device, choice.index, choice.form) == ("cuda", 1, "half")
    opened: list[tuple[str, str]] = []
    monkeypatch.setattr(sessions, "weights_path", lambda name, form: opened.append((name, form)))
    monkeypatch.setattr(sessions, "_open", lambda *_: None)
    for name in ("face_points", "iris"):
        sessions.open_session(name)
    sessions.open_session("face_points", "cuda:1")
    sessions.open_session("face_points", choice)
    assert opened == [("face_points", "half"), ("iris", "plain"), ("face_points", "plain"), ("face_points", "half")]


def test_networks_of_another_order_of_size_are_not_sent_where_small_ones_are_fast() -> None:
    write_tuned(HERE)
    assert providers.choose("auto", heavy=True).threads == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (replace(HERE, machine="another"), "measured on another machine (another)"),
        (replace(HERE, onnxruntime="0.9"), "measured with another ONNX Runtime (0.9"),
        (replace(HERE, providers=("CPUExecutionProvider", "Other")), "measured with another ONNX Runtime"),
    ],
)
def test_what_was_measured_elsewhere_is_not_used(changed: Tuned, reason: str) -> None:
    write_tuned(changed)
    assert providers.choose("auto").threads == 1
    found, stale = providers.tuned_here()
    assert found == changed
    assert reason in stale


@pytest.mark.parametrize("device", ["cuda:7", "abacus", "cpu:²", ""])
def test_a_measured_device_that_is_gone_is_named_and_another_taken(device: str) -> None:
    write_tuned(replace(HERE, device=device))
    choice = providers.choose("auto")
    assert choice.device in ("cpu", "directml", "cuda")
    if device != "cpu:²":
        assert choice.reason.startswith(f"{device}, which was the fastest on 2026-11-23: ")


def test_the_decoder_holds_on_the_same_machine_whatever_the_runtime() -> None:
    write_tuned(replace(HERE, decoder="cuda", onnxruntime="0.9"))
    assert tuned.tuned_decoder() == "cuda"
    write_tuned(replace(HERE, decoder="cuda", machine="another"))
    assert tuned.tuned_decoder() == "software"
