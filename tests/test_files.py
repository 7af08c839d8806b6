"""Files that are written whole or not at all, special targets, and archives that lie about their size."""

import io
import os
import stat
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from optima.files import beside, check_output, is_special, opened, parse_json, read_arrays, remove, whole, write_rows


@contextmanager
def file_limit(size):
    """No file of this process grows beyond a size."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def half(stream, error):
    stream.write(b"half")
    raise error("stop")


def write(path, data):
    with whole(path) as stream:
        stream.write(data)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_after_an_error_the_old_file_is_there_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "t"
    path.write_bytes(b"old")
    with pytest.raises(error, match="stop"), whole(path) as stream:
        half(stream, error)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_may_not_grow(tmp_path):
    path = tmp_path / "t"
    path.write_bytes(b"old")
    with file_limit(1000), pytest.raises(OSError, match=rf"File too large.*{path}"):
        write(path, b"x" * 2000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_usual_rights_and_an_old_one_keeps_its_own(tmp_path):
    (tmp_path / "usual").touch()
    write(tmp_path / "new", b"")
    mode = lambda name: stat.S_IMODE((tmp_path / name).stat().st_mode)
    assert mode("new") == mode("usual")
    (tmp_path / "new").chmod(0o640)
    write(tmp_path / "new", b"")
    assert mode("new") == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_written(tmp_path, there):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    if there:
        target.write_bytes(b"old")
    link.symlink_to("folder/target")
    write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    remove(link)
    assert not target.exists()


def test_a_device_is_written_to_and_stays():
    write("/dev/null", b"data")
    with pytest.raises(OSError, match="No space left"):
        write("/dev/full", b"data")
    for name in ("/dev/null", "/dev/full"):
        assert stat.S_ISCHR(os.stat(name).st_mode)


def test_a_pipe_gets_the_bytes_and_stays(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    write(path, b"x" * 200_000)
    reader.join()
    assert got == [b"x" * 200_000]
    assert stat.S_ISFIFO(path.stat().st_mode)


STDOUT = """
from optima.files import whole
for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
    print("before")
    with whole(name) as stream:
        stream.write(b"data\\n")
print("after")
"""


def test_standard_output_by_its_name(tmp_path):
    path, said = tmp_path / "out", b"before\ndata\n" * 3 + b"after\n"
    for mode, kept in (("wb", b""), ("ab", b"old\n")):
        path.write_bytes(b"old\n")
        with open(path, mode) as out:
            subprocess.run([sys.executable, "-c", STDOUT], stdout=out, check=True)
        assert path.read_bytes() == kept + said
    assert subprocess.run([sys.executable, "-c", STDOUT], capture_output=True, check=True).stdout == said


def test_only_the_file_of_this_call_is_removed(tmp_path):
    (tmp_path / ".optima-other").write_bytes(b"another call")
    with pytest.raises(ValueError, match="stop"), beside(tmp_path / "t"):
        raise ValueError("stop")
    assert [path.name for path in tmp_path.iterdir()] == [".optima-other"]


def test_outputs_are_checked_at_the_door(tmp_path):
    (tmp_path / "there").touch()
    for path, words in [
        (tmp_path, "is a folder"),
        (tmp_path / "there", "--force"),
        (tmp_path / "no" / "t", "is not a folder"),
        (tmp_path / ("x" * 300), "cannot be written .File name too long"),
    ]:
        with pytest.raises(ValueError, match=words):
            check_output(path, force=False)
    check_output(tmp_path / "there", force=True)
    check_output(tmp_path / "new", force=False)
    assert is_special(tmp_path.__class__("/dev/null"))


def test_a_table_without_rows_has_its_header(tmp_path):
    write_rows(tmp_path / "t.csv", ["a", "b"], [])
    assert (tmp_path / "t.csv").read_text() == "a,b\n"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900, "{", "", '"\ud800'])
def test_json_that_is_none(text):
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


def test_only_regular_files_are_read(tmp_path):
    for path in (tmp_path, "/dev/zero"):
        with pytest.raises(ValueError, match="is not a file"):
            opened(path)


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(f"{name}.npy", data)
    stream.seek(0)
    return stream


def head(shape, kind="<f8"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def test_arrays_are_read_back():
    stream = io.BytesIO()
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array("text"), "c": np.zeros((0, 3))}
    np.savez(stream, **arrays)
    stream.seek(0)
    found = read_arrays(stream)
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


def test_arrays_that_are_none(monkeypatch):
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    monkeypatch.setattr("optima.files.MOST_BYTES", 1 << 20)
    for stream in (
        archive(a=pickled.getvalue()),
        archive(a=head((10**12,)) + bytes(8)),
        archive(a=head((2**40, 2**40)) + bytes(8)),
        archive(a=b"text"),
        archive(a=bytes(2 << 20)),
        io.BytesIO(head((1,)) + bytes(8)),
        io.BytesIO(b""),
    ):
        with pytest.raises(ValueError, match="no archive of arrays"):
            read_arrays(stream)
