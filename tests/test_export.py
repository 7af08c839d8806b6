"""Writing tables: every format is read back, after every batch and when the disk is full."""

import contextlib
import csv
import errno
import io
import json
import os
import re
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from optima.tables.export import ENCODERS, FORMATS, TextSink, open_sink, short
from optima.tables.table import LossTable

TEXT_FORMATS = tuple(ENCODERS)
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def table():
    """Nulls, two-scale winners, names with brackets and plus signs, and numbers of all sizes."""
    structures = ["zero", "simplex", "pairs", "pairs-free", "polygon", "simplex(8)+pairs(1)"]
    return LossTable([2, 5, 7, 10], [2, 3], [1e-300, 1e-4, 2**-10, 0.3], [1, 3], structures=structures)


@pytest.fixture(scope="module")
def whole(table):
    return table.to_arrow().combine_chunks()


@pytest.fixture(scope="module")
def batches(whole):
    """The table in batches of 1, 2, 3, ... rows."""
    starts = [0]
    while starts[-1] < whole.num_rows:
        starts.append(starts[-1] + len(starts))
    (everything,) = whole.to_batches()
    return [everything.slice(start, size) for size, start in enumerate(starts[:-1], start=1)]


# Readers: the rows of a file as tuples of text or values, after a check that the file is well-formed.


def read_csv(data):
    assert data.endswith(b"\n")
    head, *rows = csv.reader(io.StringIO(data.decode()))
    assert {len(row) for row in rows} <= {len(head)}
    return [tuple(row) for row in rows]


def read_json(data):
    return [tuple(row.values()) for row in json.loads(data)]


def read_parquet(data):
    return [tuple(row.values()) for row in pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()]


def read_markdown(data):
    lines = data.decode().splitlines()
    assert data.endswith(b"\n")
    assert all(line.startswith("|") and line.endswith("|") for line in lines)
    rows = [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert set(rows[1]) == {"---"}
    return rows[2:]


def read_latex(data):
    lines = data.decode().splitlines()
    columns = re.fullmatch(r"\\begin\{longtable\}\{([lr]+)\}", lines[0])
    assert columns
    assert (lines[1], *lines[3:5]) == (r"\toprule", r"\midrule", r"\endhead")
    assert lines[-2:] == [r"\bottomrule", r"\end{longtable}"]
    numbers = [re.sub(r"\$([^$]*)\$", _plain, line) for line in lines]
    assert not re.search(r"(?<!\\)[_%#$^{}~]", "".join(numbers[5:-2]))
    lines = [*lines[:3], *numbers[3:]]
    rows = [line.removesuffix(r" \\").split(" & ") for line in [lines[2], *lines[5:-2]]]
    assert all(line.endswith(r" \\") for line in [lines[2], *lines[5:-2]])
    assert {len(row) for row in rows} == {len(columns[1])}
    return [tuple(cell.replace(r"\_", "_").strip() for cell in row) for row in rows[1:]]


def _plain(found):
    """3.2e-06 for $3.2\\times10^{-6}$."""
    number = re.fullmatch(r"(\S+?)(\\times10\^\{(-?\d+)\})?", found[1])
    return number[1] + (f"e{int(number[3]):+03d}" if number[2] else "")


READERS = {"csv": read_csv, "json": read_json, "markdown": read_markdown, "latex": read_latex, "parquet": read_parquet}


def read(path, form):
    return READERS[form](Path(path).read_bytes())


def write(path, form, batches, schema, force=False, stdout=None):
    """The sink after all batches went to a file, or to ``stdout`` where ``path`` is None."""
    with open_sink(path, form, schema, stdout, force) as sink:
        for batch in batches:
            sink.write(batch)
    return sink


def failing(batches, error):
    yield from batches
    raise error("stop")


# Every format is read back


def test_csv_is_read_back_by_pandas(tmp_path, whole, batches):
    write(tmp_path / "t", "csv", batches, whole.schema)
    frame = pd.read_csv(tmp_path / "t")
    pd.testing.assert_frame_equal(frame, whole.to_pandas(), check_dtype=False, rtol=1e-14, atol=0)


def test_csv_keeps_every_digit(tmp_path, whole, batches):
    write(tmp_path / "t", "csv", batches, whole.schema)
    frame = pd.read_csv(tmp_path / "t", dtype=str, keep_default_na=False)
    for field in whole.schema:
        kind = str if field.type == pa.string() else float
        values = [None if text == "" else kind(text) for text in frame[field.name]]
        assert values == whole.column(field.name).to_pylist()


def test_json_is_read_back_exactly(tmp_path, whole, batches):
    write(tmp_path / "t", "json", batches, whole.schema)
    assert json.loads((tmp_path / "t").read_text()) == whole.to_pylist()


def test_json_has_one_object_a_line(tmp_path, whole, batches):
    write(tmp_path / "t", "json", batches, whole.schema)
    first, *rows, last = (tmp_path / "t").read_text().splitlines()
    assert (first, last) == ("[", "]")
    assert [json.loads(row.removesuffix(",")) for row in rows] == whole.to_pylist()


def test_parquet_is_read_back_exactly(tmp_path, whole, batches):
    write(tmp_path / "t", "parquet", batches, whole.schema)
    assert pyarrow.parquet.read_table(tmp_path / "t").equals(whole)
    assert pyarrow.parquet.read_metadata(tmp_path / "t").num_row_groups == len(batches)


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_text_tables_hold_six_digits_of_every_value(tmp_path, form, whole, batches):
    write(tmp_path / "t", form, batches, whole.schema)
    expected = [tuple(short(value) for value in row.values()) for row in whole.to_pylist()]
    assert read(tmp_path / "t", form) == expected


def test_markdown_and_latex_have_the_names_of_the_columns_on_top(tmp_path, whole):
    letters = {"classes": "$K$", "depth": "$L$", "reg": r"$\lambda$", "samples": "$n$"}
    words = [letters.get(name, name.replace("_", " ")) for name in whole.schema.names]
    for form, line, mark, names in (("markdown", 0, "|", whole.schema.names), ("latex", 2, "&", words)):
        write(tmp_path / form, form, [], whole.schema)
        head = (tmp_path / form).read_text().splitlines()[line].removesuffix(r" \\").strip("| ")
        assert [name.strip() for name in head.split(mark)] == names


def test_latex_aligns_text_left_and_numbers_right(tmp_path, whole):
    write(tmp_path / "t", "latex", [], whole.schema)
    columns = (tmp_path / "t").read_text().splitlines()[0].rpartition("{")[2].rstrip("}")
    expected = "".join("l" if field.type == pa.string() else "r" for field in whole.schema)
    assert columns == expected


@pytest.mark.parametrize("form", FORMATS)
def test_a_table_without_rows_is_a_table(tmp_path, form, whole):
    assert write(tmp_path / "t", form, [], whole.schema).count == 0
    assert read(tmp_path / "t", form) == []


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_batch_changes_nothing(tmp_path, form, whole, batches):
    empty = batches[0].slice(0, 0)
    write(tmp_path / "t", form, [empty, *batches[:2], empty, batches[2], empty], whole.schema)
    assert len(read(tmp_path / "t", form)) == 6


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_the_bytes_do_not_depend_on_the_batches(tmp_path, form, whole, batches):
    write(tmp_path / "parts", form, batches, whole.schema)
    write(tmp_path / "one", form, whole.to_batches(), whole.schema)
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "one").read_bytes()


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.1, "0.1"), (1e-300, "1e-300"), (2 / 3, "0.666667"), (1234567, "1234567"), ("pairs", "pairs")],
)
def test_short_values(value, text):
    assert short(value) == text


# What was written stays readable


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_a_file_is_complete_after_every_batch(tmp_path, form, whole, batches):
    with open_sink(tmp_path / "t", form, whole.schema, None) as sink:
        assert read(tmp_path / "t", form) == []
        for batch in batches:
            sink.write(batch)
            assert len(read(tmp_path / "t", form)) == sink.count
    assert sink.count == whole.num_rows


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError, OSError])
def test_an_error_between_batches_leaves_the_rows_before_it(tmp_path, form, error, whole, batches):
    with pytest.raises(error, match="stop"):
        write(tmp_path / "t", form, failing(batches[:3], error), whole.schema)
    assert len(read(tmp_path / "t", form)) == 6


@pytest.mark.parametrize("form", FORMATS)
def test_the_space_kept_free_while_writing_is_given_back(tmp_path, form, whole, batches):
    write(tmp_path / "t", form, batches, whole.schema)
    assert (tmp_path / "t").stat().st_size < 200_000


class SmallDisk(io.RawIOBase):
    """A file on a disk with room for a few bytes; like a real one it takes what fits and then fails."""

    def __init__(self, room, rewinds=True):
        self.room, self.rewinds, self.data, self.at = room, rewinds, bytearray(), 0

    def writable(self):
        return True

    def seekable(self):
        return self.rewinds

    def seek(self, offset, whence=os.SEEK_SET):
        assert (whence, self.rewinds) == (os.SEEK_SET, True)
        self.at = offset
        return offset

    def tell(self):
        return self.at

    def truncate(self, size=None):
        assert self.rewinds
        del self.data[self.at if size is None else size :]
        return len(self.data)

    def write(self, data):
        part = bytes(data)[: self.room - self.at]
        if len(data) and not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.data[self.at : self.at + len(part)] = part
        self.at += len(part)
        return len(part)


def fill(disk, form, schema, batches):
    """Write batches until the disk is full; the sink, or None when not even the header fits."""
    sink = None
    with contextlib.suppress(OSError):
        sink = TextSink(disk, ENCODERS[form](schema))
        for batch in batches:
            sink.write(batch)
        sink.close()
    return sink


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_a_full_disk_keeps_every_batch_that_fits(form, whole, batches):
    roomy = SmallDisk(MEGABYTE)
    fill(roomy, form, whole.schema, batches[:4])
    counts = set()
    for room in [*range(0, len(roomy.data), 13), len(roomy.data)]:
        disk = SmallDisk(room)
        sink = fill(disk, form, whole.schema, batches[:4])
        if sink is not None:
            assert len(READERS[form](bytes(disk.data))) == sink.count
            counts.add(sink.count)
    assert counts == {0, 1, 3, 6, 10}


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_a_disk_without_room_for_the_header_gets_nothing(form, whole):
    empty = SmallDisk(MEGABYTE)
    fill(empty, form, whole.schema, [])
    for room in range(len(empty.data)):
        disk = SmallDisk(room)
        assert fill(disk, form, whole.schema, []) is None
        assert disk.data == b""


def test_a_batch_that_did_not_fit_can_be_followed_by_one_that_does(whole, batches):
    ten = SmallDisk(MEGABYTE)
    fill(ten, "json", whole.schema, batches[:4])
    disk = SmallDisk(len(ten.data))
    sink = TextSink(disk, ENCODERS["json"](whole.schema))
    for batch in batches[:3]:
        sink.write(batch)
    with pytest.raises(OSError, match="No space left"):
        sink.write(batches[6])
    sink.write(batches[3])
    assert len(read_json(bytes(disk.data))) == sink.count == 10


@contextlib.contextmanager
def file_limit(size):
    """No file of this process grows beyond a size."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_may_not_grow_keeps_every_batch_that_fits(tmp_path, form, whole):
    room = MEGABYTE + 150_000 if form == "parquet" else 100_000
    with file_limit(room), pytest.raises(OSError, match=r"\[Errno \d+\]") as caught:
        write(tmp_path / "t", form, whole.to_batches() * 1000, whole.schema)
    assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)
    rows = len(read(tmp_path / "t", form))
    assert rows % whole.num_rows == 0
    assert 0 < rows < 1000 * whole.num_rows


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_without_room_for_its_start_is_not_left_behind_half_written(tmp_path, form, whole):
    with file_limit(2), pytest.raises(OSError, match=r"\[Errno \d+\]"):
        write(tmp_path / "t", form, [], whole.schema)
    assert not (tmp_path / "t").exists() or (tmp_path / "t").stat().st_size == 0


# Standard output


def piped(form, batches, schema):
    """What a reader of standard output gets."""
    reading, writing = os.pipe()
    with open(reading, "rb") as reader:
        with open(writing, "wb") as stdout:
            write(None, form, batches, schema, stdout=stdout)
        return reader.read()


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_a_pipe_gets_the_bytes_of_the_file(tmp_path, form, whole, batches):
    write(tmp_path / "t", form, batches[:4], whole.schema)
    assert piped(form, batches[:4], whole.schema) == (tmp_path / "t").read_bytes()


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_an_error_in_mid_stream_ends_what_went_down_the_pipe(form, whole, batches):
    disk = SmallDisk(MEGABYTE, rewinds=False)
    with pytest.raises(KeyboardInterrupt):
        write(None, form, failing([batches[2]], KeyboardInterrupt), whole.schema, stdout=disk)
    assert len(READERS[form](bytes(disk.data))) == 3


@pytest.mark.parametrize("form", TEXT_FORMATS)
@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_standard_output_in_a_file_keeps_what_was_there_before(tmp_path, form, mode, whole, batches):
    (tmp_path / "t").write_bytes(b"before\n" if mode == "ab" else b"")
    with open(tmp_path / "t", mode) as stdout:
        stdout.write(b"header of the caller\n")
        write(None, form, batches[:4], whole.schema, stdout=stdout)
        stdout.write(b"after\n")
    data = (tmp_path / "t").read_bytes()
    before = b"before\nheader of the caller\n" if mode == "ab" else b"header of the caller\n"
    assert data.startswith(before)
    assert data.endswith(b"after\n")
    assert len(READERS[form](data.removeprefix(before).removesuffix(b"after\n"))) == 10


@pytest.mark.parametrize("form", TEXT_FORMATS)
@pytest.mark.parametrize("buffering", [0, -1], ids=["unbuffered", "buffered"])
def test_standard_output_in_a_file_that_may_not_grow_stays_readable(tmp_path, form, buffering, whole, batches):
    out = open(tmp_path / "t", "wb", buffering=buffering)  # noqa: SIM115
    too_large = pytest.raises(OSError, match=r"\[Errno \d+\]")
    with file_limit(50_000), contextlib.suppress(OSError), out as stdout, too_large:
        write(None, form, batches * 100, whole.schema, stdout=stdout)
    assert 0 < len(read(tmp_path / "t", form)) < 100 * whole.num_rows


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("form", TEXT_FORMATS)
@pytest.mark.parametrize("buffering", [0, -1], ids=["unbuffered", "buffered"])
def test_a_full_standard_output_is_named_as_such(form, buffering, whole, batches):
    full = open("/dev/full", "wb", buffering=buffering)  # noqa: SIM115
    # Closing writes what is still in the buffer, and fails again.
    with contextlib.suppress(OSError), full as stdout, pytest.raises(OSError, match="No space left"):
        write(None, form, batches[:1], whole.schema, stdout=stdout)


def test_parquet_does_not_go_to_standard_output(whole):
    stdout = io.BytesIO()
    with pytest.raises(ValueError, match="pass --out FILE"):
        write(None, "parquet", [], whole.schema, stdout=stdout)
    assert stdout.getvalue() == b""


# Files that cannot be written


@pytest.mark.parametrize("form", FORMATS)
def test_an_existing_file_is_left_alone_unless_forced(tmp_path, form, whole, batches):
    path = tmp_path / "t"
    path.write_bytes(b"x" * 2 * MEGABYTE)
    with pytest.raises(ValueError, match="exists; pass another name, or --force"):
        write(path, form, batches, whole.schema)
    assert path.read_bytes() == b"x" * 2 * MEGABYTE
    write(path, form, batches, whole.schema, force=True)
    assert len(read(path, form)) == whole.num_rows


def test_force_also_writes_a_new_file(tmp_path, whole, batches):
    write(tmp_path / "t", "csv", batches, whole.schema, force=True)
    assert len(read(tmp_path / "t", "csv")) == whole.num_rows


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("force", [True, False])
def test_a_folder_that_is_not_there_is_refused(tmp_path, form, force, whole):
    with pytest.raises(ValueError, match=r"cannot be written \(No such file or directory\); pass a file"):
        write(tmp_path / "no" / "t", form, [], whole.schema, force)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_a_file(tmp_path, whole):
    for force in (True, False):
        with pytest.raises(ValueError, match=r"exists|Is a directory"):
            write(tmp_path, "csv", [], whole.schema, force)


def test_a_name_longer_than_the_system_allows_is_refused(tmp_path, whole):
    with pytest.raises(ValueError, match=r"cannot be written \(File name too long\)"):
        write(tmp_path / ("x" * 300), "csv", [], whole.schema)


@pytest.fixture
def closed_folder():
    """A folder that this process may read but not write; root may write anywhere, so it becomes nobody meanwhile."""
    root = getattr(os, "geteuid", lambda: 1)() == 0
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        if root:
            os.seteuid(65534)
        yield Path(folder)
        if root:
            os.seteuid(0)
        os.chmod(folder, 0o700)


def test_a_folder_without_permission_is_refused(closed_folder, whole):
    assert list(closed_folder.iterdir()) == []
    with pytest.raises(ValueError, match=r"cannot be written \(Permission denied\)"):
        write(closed_folder / "t", "csv", [], whole.schema)


# Files that are overwritten


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_overwritten_stays_when_the_new_one_does_not_fit(tmp_path, form, whole, batches):
    (tmp_path / "t").write_bytes(b"old")
    room = MEGABYTE + 150_000 if form == "parquet" else 100_000
    with file_limit(room), pytest.raises(OSError, match=r"\[Errno \d+\]"):
        write(tmp_path / "t", form, whole.to_batches() * 1000, whole.schema, force=True)
    assert (tmp_path / "t").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_overwritten_holds_the_rows_of_an_interrupted_run(tmp_path, form, whole, batches):
    (tmp_path / "t").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt, match="stop"):
        write(tmp_path / "t", form, failing([], KeyboardInterrupt), whole.schema, force=True)
    assert (tmp_path / "t").read_bytes() == b"old"
    with pytest.raises(KeyboardInterrupt, match="stop") as caught:
        write(tmp_path / "t", form, failing(batches[:3], KeyboardInterrupt), whole.schema, force=True)
    assert len(read(tmp_path / "t", form)) == 6
    assert caught.value.__notes__ == ["6 rows written so far are kept"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_new_file_without_a_row_is_not_left(tmp_path, form, error, whole):
    with pytest.raises(error, match="stop"):
        write(tmp_path / "t", form, failing([], error), whole.schema)
    assert list(tmp_path.iterdir()) == []
