from pathlib import Path

from deploy.commands.generate import ROOT, collect, differences, write


def test_write_keeps_nothing_else_in_what_it_owns(tmp_path: Path) -> None:
    """A file that no source makes any more disappears; what lies beside an owned folder stays."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.json").write_text("{}")
    (tmp_path / "mine.txt").write_text("x")
    wanted = {"out/a/new.json": b"1", "page.md": b"2"}
    assert differences(tmp_path, wanted, ["out"]) == ["out/a/new.json", "out/old.json", "page.md"]
    assert write(tmp_path, wanted, ["out"]) == ["out/a/new.json", "out/old.json", "page.md"]
    assert differences(tmp_path, wanted, ["out"]) == []
    assert not (tmp_path / "out" / "old.json").exists()
    assert (tmp_path / "mine.txt").exists()
    (tmp_path / "page.md").write_text("edited by hand")
    assert differences(tmp_path, wanted, ["out"]) == ["page.md"]


def test_what_is_right_is_not_touched(tmp_path: Path) -> None:
    """Whoever reads a generated folder meanwhile misses nothing."""
    wanted = {"out/a.json": b"1", "out/b.json": b"2"}
    write(tmp_path, wanted, ["out"])
    was = (tmp_path / "out").stat().st_ino, (tmp_path / "out/a.json").stat()
    (tmp_path / "out/b.json").write_text("edited by hand")
    assert write(tmp_path, wanted, ["out"]) == ["out/b.json"]
    assert ((tmp_path / "out").stat().st_ino, (tmp_path / "out/a.json").stat()) == was
    assert (tmp_path / "out/b.json").read_bytes() == b"2"


def test_owned_folders_hold_what_is_generated() -> None:
    """No provider owns a folder that it does not fill, so that emptying is always safe."""
    wanted, folders = collect()
    assert wanted
    for folder in folders:
        assert any(path.startswith(f"{folder}/") for path in wanted), folder
        assert (ROOT / folder).resolve().is_relative_to(ROOT)


def test_committed_files_are_up_to_date() -> None:
    """What is committed is what the sources make."""
    assert differences(ROOT, *collect()) == []
