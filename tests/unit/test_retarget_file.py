"""Mappings survive being saved; anything else is refused with a sentence that names the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference import arkit, retarget
from understudy.inference.errors import InputError
from understudy.inference.retarget import Link, Mapping

NUMBERS = st.floats(-100, 100)
TEXTS = st.text(max_size=20)
LINKS = st.builds(
    lambda name, key, gain, offset, limits, enabled: Link(name, key, gain, offset, *limits, enabled),
    st.sampled_from(arkit.NAMES),
    TEXTS,
    NUMBERS,
    NUMBERS,
    st.tuples(NUMBERS, NUMBERS).map(sorted),
    st.booleans(),
)
MAPPINGS = st.builds(
    Mapping,
    links=st.lists(LINKS, max_size=8).map(tuple),
    unmatched_keys=st.lists(TEXTS, max_size=4).map(tuple),
    exclusive=st.lists(st.lists(TEXTS, max_size=3).map(tuple), max_size=2).map(tuple),
    kind=TEXTS,
)
LINK = {"coefficient": "jawOpen", "key": "k", "gain": 1, "offset": 0, "lower": 0, "upper": 1, "enabled": True}
GOOD = {"format": "understudy mapping", "schema": 3, "kind": "", "links": [LINK], "exclusive": [], "unmatched_keys": []}


@given(MAPPINGS)
def test_mappings_survive_a_round_trip(tmp_path_factory: pytest.TempPathFactory, mapping: Mapping) -> None:
    path = tmp_path_factory.mktemp("mapping") / "avatar.json"
    retarget.save(mapping, path)
    assert retarget.load(path) == mapping
    assert [file.name for file in path.parent.iterdir()] == ["avatar.json"]


def test_the_mapping_of_an_avatar_survives_and_is_readable(tmp_path: Path) -> None:
    mapping = retarget.match_names(["あ", "い", "う", "え", "お", "まばたき", "horn"])
    path = tmp_path / "avatar.json"
    retarget.save(mapping, path)
    assert retarget.load(path) == mapping
    assert "まばたき" in path.read_text("utf-8")


def test_mappings_of_the_first_version_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    link = {"coefficient": "jawOpen", "key": "Jaw", "gain": 1.5, "offset": -0.1}
    path.write_text(json.dumps({"schema": 1, "links": [link], "unmatched_keys": ["horn"]}))
    assert retarget.load(path) == Mapping((Link("jawOpen", "Jaw", 1.5, -0.1),), ("horn",))


def test_mappings_of_the_second_version_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    link = {"coefficient": "jawOpen", "key": "Jaw", "lower": -1, "upper": 1}
    path.write_text(json.dumps({"schema": 2, "links": [link], "exclusive": [["Jaw", "O"]], "kind": "VRM"}))
    assert retarget.load(path) == Mapping(
        (Link("jawOpen", "Jaw", lower=-1, upper=1),), exclusive=(("Jaw", "O"),), kind="VRM"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "{", "\x00", "[" * 100_000,
        json.dumps(GOOD | {"schema": 4}),
        json.dumps(GOOD | {"schema": None}),
        json.dumps(GOOD | {"schema": True}),
        json.dumps(GOOD | {"format": "another program's mapping"}),
        json.dumps(GOOD | {"links": {}}),
        json.dumps(GOOD | {"links": ["jawOpen"]}),
        json.dumps(GOOD | {"links": [{"coefficient": "jawOpen"}]}),
        json.dumps(GOOD | {"links": [LINK | {"coefficient": "grin"}]}),
        json.dumps(GOOD | {"links": [LINK | {"key": 7}]}),
        json.dumps(GOOD | {"links": [LINK | {"gain": "1"}]}),
        json.dumps(GOOD | {"links": [LINK | {"gain": True}]}),
        json.dumps(GOOD | {"links": [LINK | {"enabled": 1}]}),
        json.dumps(GOOD | {"links": [LINK | {"gain": float("nan")}]}),
        json.dumps(GOOD | {"links": [LINK | {"gain": 10**400}]}),
        json.dumps(GOOD | {"links": [LINK | {"lower": 2}]}),
        json.dumps(GOOD | {"exclusive": ["AU"]}),
        json.dumps(GOOD | {"unmatched_keys": "horn"}),
        json.dumps(GOOD | {"kind": 1}),
    ],
)  # fmt: skip
def test_damaged_and_foreign_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "avatar.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"avatar\.json.*[a-z0-9][.]$"):
        retarget.load(path)


@pytest.mark.parametrize("content", [b"\xff\xfe{", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "avatar.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"avatar\.json"):
        retarget.load(path)


@pytest.mark.parametrize(
    "stored", [GOOD | {"smoothing": 3}, GOOD | {"links": [LINK | {"curve": []}]}], ids=["mapping", "link"]
)
def test_unknown_entries_are_told(stored: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "avatar.json"
    path.write_text(json.dumps(stored))
    with pytest.raises(InputError, match=r"smoothing|curve"):
        retarget.load(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no mapping at"):
        retarget.load(tmp_path / "gone.json")
    with pytest.raises(InputError, match="Cannot read"):
        retarget.load(tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose a folder"):
        retarget.save(Mapping(()), tmp_path / "gone" / "avatar.json")
