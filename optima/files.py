"""Files that are written whole or not at all, and files that are read without trust."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import secrets
import stat
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

# Arrays of one file take at most this much memory, that of the largest proof by default: a small archive may claim any.
MOST_BYTES = 4 << 30
# Bytes of a JSON file, and levels of its nesting.
MOST_JSON, MOST_LEVELS = 256 << 20, 30


@contextmanager
def whole(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose bytes are the content of ``path`` from the end of the block on, and never a part of them.

    They go to a new file beside, which takes the place of the old one once it is on the disk; after an error or a
    kill the old one is as it was. A symbolic link stays, and the file that it points to is replaced. A device, a
    pipe or an open descriptor such as /dev/stdout is written to at the end of the block, and never removed.

    Raises ValueError where no such file can be made, and OSError that names ``path`` where it cannot be written.
    """
    path = Path(path)
    if is_special(path):
        content = io.BytesIO()
        yield content
        with _named(path), open_special(path) as device:
            put(device, content.getbuffer())
        return
    with _named(path), beside(path) as stream:
        yield stream


@contextmanager
def beside(path: Path) -> Iterator[BinaryIO]:
    """A new file in the folder of ``path``, unbuffered; it takes the place of ``path`` unless the block raises."""
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".optima-{secrets.token_hex(8)}")
    stream = created(partial, path)
    try:
        with stream:
            yield stream
            os.fsync(stream.fileno())
        if target.exists():
            os.chmod(partial, stat.S_IMODE(target.stat().st_mode))
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


class _Whole(io.FileIO):
    """An unbuffered file that takes all bytes of a write, or raises what the system says."""

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        rest = view
        while rest:
            rest = rest[super().write(rest) or 0 :]
        return len(view)


def created(target: Path, path: Path) -> BinaryIO:
    """A new file, unbuffered, on the way to ``path``. Raises ValueError where it cannot be made."""
    try:
        return _Whole(target, "x+")
    except OSError as error:
        raise cannot_be_written(path, error) from None


def cannot_be_written(path: Path, error: OSError) -> ValueError:
    """The error of a file that cannot be opened for writing."""
    return ValueError(f"{path} cannot be written ({error.strerror}); pass a file in a writable folder")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of the system name the file that was asked for."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename == str(path):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def _sync_folder(folder: Path) -> None:
    """The new name on the disk too, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_special(path: Path) -> bool:
    """Whether a name stands for something that cannot be replaced: a device, a pipe or an open descriptor."""
    return _descriptor(path) is not None or (
        os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    )


def open_special(path: Path) -> BinaryIO:
    """An unbuffered stream to a special file. Raises ValueError where it cannot be opened."""
    number = _descriptor(path)
    try:
        if number is None:
            return open(path, "wb", buffering=0)
        # A second look at the file would begin at its start again.
        if sys.stdout is not None:
            sys.stdout.flush()
        return open(os.dup(number), "wb", buffering=0)
    except OSError as error:
        raise cannot_be_written(path, error) from None


def _descriptor(path: Path) -> int | None:
    """The number of the open descriptor that a name stands for, as /dev/stdout and /dev/fd/1 do."""
    for _ in range(40):
        parent = os.path.realpath(path.parent)
        if path.name.isdecimal() and re.fullmatch(rf"/proc/{os.getpid()}/fd|/dev/fd", parent):
            return int(path.name)
        if not os.path.islink(path):
            return None
        path = Path(parent, os.readlink(path))
    return None


def put(stream: BinaryIO, data: bytes | memoryview) -> None:
    """All bytes to an unbuffered stream."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def check_output(path: Path | None, force: bool) -> None:
    """Raise ValueError before any work when an output file could not be written afterwards."""
    if path is None or is_special(path):
        return
    if os.path.isdir(path):
        raise ValueError(f"{path} exists and is a folder; pass the name of a file")
    if os.path.exists(path) and not force:
        raise ValueError(f"{path} exists; pass another name, or --force to overwrite it")
    if not os.path.isdir(path.parent):
        raise ValueError(f"{path.parent} is not a folder; pass a file in an existing one")
    try:
        with suppress(FileNotFoundError):
            os.stat(path)
        if not os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise cannot_be_written(path, error) from None


def check_apart(path: Path | None, source: Path | None) -> None:
    """Raise ValueError where an output, forced or not, would replace the file that the command works on."""
    both = path is not None and source is not None and os.path.exists(path) and os.path.exists(source)
    if both and os.path.samefile(path, source):  # type: ignore[arg-type]
        raise ValueError(f"{path} is {source} itself; pass another name")


def write(path: Path, data: bytes | memoryview) -> None:
    """Bytes as a file, whole or not at all."""
    with whole(path) as stream:
        stream.write(data)


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Rows as CSV under a header, also where there are none; no number is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write(path, text.getvalue().encode())


def remove(path: Path) -> None:
    """Remove a file that was written by :func:`whole`: of a link what it points to, and nothing that is special."""
    if not is_special(path):
        Path(os.path.realpath(path)).unlink(missing_ok=True)


def opened(path: str | Path) -> BinaryIO:
    """A regular file to be read. Raises FileNotFoundError, and ValueError where it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError(f"{path} is not a file; pass a regular file")
        return open(path, "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); pass a file that you may read") from None


def parse_json(text: str | bytes) -> Any:
    """What JSON text says. Raises ValueError, whatever is wrong with it."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if _levels(value) > MOST_LEVELS:
        # What the parser can take apart may still be too deep for those who look at it.
        raise ValueError("the JSON is nested too deeply")
    return value


def _levels(value: Any) -> int:
    """How deep lists and objects are nested, counted up to one more than is allowed."""
    inner, level = [value], 0
    while inner and level <= MOST_LEVELS:
        parts = [each.values() if isinstance(each, dict) else each for each in inner if isinstance(each, (dict, list))]
        inner, level = [each for part in parts for each in part], level + 1
    return level


def read_json(path: str | Path) -> Any:
    """The content of a JSON file. Raises FileNotFoundError, and ValueError for anything else that is wrong."""
    with opened(path) as stream:
        if os.fstat(stream.fileno()).st_size > MOST_JSON:
            raise ValueError(f"{path} is larger than {MOST_JSON >> 20} MiB; pass a file of that size at most")
        return parse_json(stream.read())


def read_arrays(stream: BinaryIO) -> dict[str, NDArray[Any]]:
    """The arrays of an npz archive. Raises ValueError for anything else: pickles, damage, sizes beyond memory."""
    try:
        with zipfile.ZipFile(stream) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"its arrays take more than {MOST_BYTES >> 30} GiB")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()}
    except Exception as error:
        # Whatever zipfile, zlib and numpy raise on a file that is something else.
        raise ValueError(f"it is no archive of arrays: {error or type(error).__name__}") from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = head(stream)
        # Room for the array is taken before its first number is read.
        if int(np.prod(shape, dtype=object)) * kind.itemsize > member.file_size:
            raise ValueError(f"{member.filename} claims more numbers than it has")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
