"""The journal: a stage is done again exactly when it must be."""

from __future__ import annotations

from pathlib import Path

import pytest
from understudy.inference.errors import InputError
from understudy.inference.jobs.journal import FILE_NAME, Journal, key_of


def test_a_finished_stage_is_remembered_by_the_next_run(tmp_path: Path) -> None:
    output = tmp_path / "run" / "take.npz"
    journal = Journal(tmp_path / "run")
    journal.begin("track", "k1")
    output.write_bytes(b"take")
    journal.finish("track", "k1")
    again = Journal(tmp_path / "run")
    assert again.is_done("track", "k1", output)
    assert not again.is_done("track", "k2", output), "other settings"
    output.unlink()
    assert not again.is_done("track", "k1", output), "output gone"


def test_a_cut_off_stage_is_not_done_but_its_pieces_may_be_kept(tmp_path: Path) -> None:
    Journal(tmp_path / "run").begin("render", "k1")
    again = Journal(tmp_path / "run")
    assert not again.is_done("render", "k1", tmp_path)
    assert again.begun_with("render", "k1")
    assert not again.begun_with("render", "k2")


def test_a_damaged_record_means_starting_over_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{half")
    assert not Journal(tmp_path).is_done("track", "k", tmp_path)


def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(InputError):
        Journal(file / "run")


def test_keys_tell_settings_apart() -> None:
    assert key_of("a", "b") == key_of("a", "b")
    assert key_of("a", "b") != key_of("ab", "")
    assert key_of(None) != key_of("")
