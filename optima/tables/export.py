"""Writing the batches of a table to a file or a stream, so that whatever was written stays readable.

A new text file ends with a valid trailer after every batch; when the disk fills up, the batch that did not fit is
cut off again. A parquet file gets its footer at the end, whatever ends it short of a kill. On a pipe the trailer
comes last. A file that is overwritten stays as it was until the new one is whole.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from optima.files import beside, check_output, created, is_special, open_special, put
from optima.model.inputs import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

try:
    import fcntl
except ImportError:
    # Not on Windows, where files redirected for appending are taken for ordinary ones.
    fcntl = None  # type: ignore[assignment]

FORMATS = ("csv", "json", "markdown", "latex", "parquet")

# Room kept free for the footer of a parquet file, which grows by about 4 KB with each batch.
_FOOTER = 1 << 20


class Encoder(ABC):
    """Bytes of a format: what comes before the rows, the rows of a batch, and what comes after."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema

    def header(self) -> bytes:
        """Bytes before the first row."""
        return b""

    @abstractmethod
    def rows(self, batch: pa.RecordBatch, first: bool) -> bytes:
        """Bytes of the rows of a batch."""

    def trailer(self) -> bytes:
        """Bytes after the last row."""
        return b""


class CSV(Encoder):
    """Comma-separated values with a header row; missing values are empty; floats round-trip."""

    def header(self) -> bytes:
        return (",".join(f'"{name}"' for name in self.schema.names) + "\n").encode()

    def rows(self, batch: pa.RecordBatch, first: bool) -> bytes:
        import pyarrow.csv

        sink = io.BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
        pyarrow.csv.write_csv(pyarrow.Table.from_batches([batch]), sink, options)
        return sink.getvalue()


class JSON(Encoder):
    """One array of objects, one object a line; missing values are null."""

    def header(self) -> bytes:
        return b"["

    def rows(self, batch: pa.RecordBatch, first: bool) -> bytes:
        lines = ",\n".join(json.dumps(row, allow_nan=False) for row in batch.to_pylist())
        return (("\n" if first else ",\n") + lines).encode() if lines else b""

    def trailer(self) -> bytes:
        return b"\n]\n"


class Markdown(Encoder):
    """A pipe table with six significant digits."""

    def header(self) -> bytes:
        names = self.schema.names
        return f"| {' | '.join(names)} |\n|{'|'.join(['---'] * len(names))}|\n".encode()

    def rows(self, batch: pa.RecordBatch, first: bool) -> bytes:
        cells = lambda row: " | ".join(short(value).replace("|", r"\|") for value in row)
        return "".join(f"| {cells(row)} |\n" for row in _tuples(batch)).encode()


# What stands for the letters that are commands of LaTeX.
LATEX = str.maketrans(
    {letter: f"\\{letter}" for letter in "_&%$#{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)


# The letters of the papers, by column.
LETTERS = {"classes": "K", "depth": "L", "reg": "lambda", "samples": "n", "width": "d"}


class LaTeX(Encoder):
    r"""A longtable (packages longtable and booktabs) of numbers such as $3.2\times10^{-6}$.

    ``digits`` are significant ones; caption and label are LaTeX, which is not changed.
    """

    def __init__(
        self, schema: pa.Schema, digits: int = 6, caption: str | None = None, label: str | None = None
    ) -> None:
        super().__init__(schema)
        self.digits, self.caption, self.label = digits, caption, label

    def header(self) -> bytes:
        from pyarrow.types import is_string

        columns = "".join("l" if is_string(field.type) else "r" for field in self.schema)
        names = " & ".join(map(self._head, self.schema.names))
        given = (("caption", self.caption), ("label", self.label))
        above = "".join(f"\\{command}{{{text}}}" for command, text in given if text is not None)
        above += " \\\\\n" if above else ""
        top = f"\\begin{{longtable}}{{{columns}}}\n{above}\\toprule\n{names} \\\\\n\\midrule\n\\endhead\n"
        return top.encode()

    def rows(self, batch: pa.RecordBatch, first: bool) -> bytes:
        lines = (" & ".join(map(self._cell, row)) for row in _tuples(batch))
        return "".join(f"{line} \\\\\n" for line in lines).encode()

    def trailer(self) -> bytes:
        return b"\\bottomrule\n\\end{longtable}\n"

    @staticmethod
    def _head(name: str) -> str:
        if name not in LETTERS:
            return name.replace("_", " ").translate(LATEX)
        return r"$\lambda$" if name == "reg" else f"${LETTERS[name]}$"

    def _cell(self, value: object) -> str:
        text = short(value, self.digits)
        if not isinstance(value, float):
            return text.translate(LATEX)
        mantissa, _, exponent = text.partition("e")
        return f"${mantissa}\\times10^{{{int(exponent)}}}$" if exponent else f"${text}$"


ENCODERS: dict[str, type[Encoder]] = {"csv": CSV, "json": JSON, "markdown": Markdown, "latex": LaTeX}
# The name of a format, or what makes its encoder where that has settings.
Form: TypeAlias = "str | Callable[[pa.Schema], Encoder]"


class Sink(ABC):
    """Where batches go; ``count`` is the number of rows that are safely there."""

    count = 0

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch, or raise OSError and keep what was there before."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


class TextSink(Sink):
    """Text formats to an unbuffered stream.

    On a regular file a batch that does not fit is cut off again; unless the file is open for appending (where
    every write goes to its end) the trailer is written after each batch and overwritten by the next.
    """

    def __init__(self, stream: BinaryIO, encoder: Encoder) -> None:
        self.stream, self.encoder = stream, encoder
        self.regular, appends = _kind(stream)
        self.rewinds = self.regular and not appends
        self.end = (stream.seek(0, os.SEEK_END) if appends else stream.tell()) if self.regular else 0
        self.started = False
        self._append(encoder.header())
        self.started = True

    def write(self, batch: pa.RecordBatch) -> None:
        self._append(self.encoder.rows(batch, first=self.count == 0))
        self.count += batch.num_rows

    def close(self) -> None:
        if not self.rewinds:
            put(self.stream, self.encoder.trailer())
        self.stream.flush()

    def _append(self, data: bytes) -> None:
        trailer = self.encoder.trailer() if self.rewinds else b""
        try:
            if self.rewinds:
                self.stream.seek(self.end)
            put(self.stream, data + trailer)
        except OSError:
            if self.regular:
                self.stream.truncate(self.end)
            if self.rewinds and self.started:
                self.stream.seek(self.end)
                put(self.stream, trailer)
            raise
        self.end += len(data)


def _kind(stream: BinaryIO) -> tuple[bool, bool]:
    """Whether a stream is a regular file, and whether it is open for appending only."""
    try:
        descriptor = stream.fileno()
    except OSError:
        return stream.seekable(), False
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False, False
    appends = fcntl is not None and bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)
    return True, appends


class ParquetSink(Sink):
    """Parquet, one row group a batch; space for the footer is reserved before a batch is written."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        import pyarrow.parquet

        self.stream = stream
        self._reserve(0)
        self.writer = pyarrow.parquet.ParquetWriter(pyarrow.PythonFile(stream, mode="w"), schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._reserve(2 * batch.nbytes)
        self.writer.write_batch(batch)
        self.count += batch.num_rows

    def close(self) -> None:
        self.writer.close()
        self.stream.truncate(self.stream.tell())

    def _reserve(self, size: int) -> None:
        # Not every system can reserve space; there a full disk costs the file its footer.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.stream.fileno(), 0, self.stream.tell() + size + _FOOTER)


@contextlib.contextmanager
def open_sink(
    path: Path | None, form: Form, schema: pa.Schema, stdout: BinaryIO, force: bool = False
) -> Iterator[Sink]:
    """A sink for a file, or for ``stdout`` when ``path`` is None.

    A new file holds the rows written so far whatever ends it. One that ``force`` allows to overwrite stays as it was
    until the end, or until an interrupt where there are rows by then. Devices, pipes and open descriptors such as
    /dev/stdout are written to as they are, and never removed.

    Raises ValueError, before anything is written, when the file exists (unless ``force``) or cannot be
    written, or when parquet would go to standard output or to a special file.
    """
    if path is None or is_special(path):
        if form == "parquet":
            raise ValueError(f"parquet cannot be written to {path or 'standard output'}; pass --out FILE")
        # Without its buffer a failed write is seen where it happens.
        stdout.flush()
        out = contextlib.nullcontext(getattr(stdout, "raw", stdout)) if path is None else open_special(path)
        with out as stream:
            yield from _closing(_sink(stream, form, schema))
    elif os.path.exists(path):
        yield from _replacing(path, form, schema, force)
    else:
        target = Path(os.path.realpath(path))
        with created(target, path) as stream:
            sink = None
            try:
                sink = _sink(stream, form, schema)
                yield from _closing(sink)
            except Exception:
                # Not one row, perhaps not even the header: leave nothing.
                if sink is None or not sink.count:
                    target.unlink()
                raise


def _sink(stream: BinaryIO, form: Form, schema: pa.Schema) -> Sink:
    if form == "parquet":
        return ParquetSink(stream, schema)
    return TextSink(stream, ENCODERS[form](schema) if isinstance(form, str) else form(schema))


def _closing(sink: Sink) -> Iterator[Sink]:
    try:
        yield sink
    except BrokenPipeError:
        raise
    except BaseException as error:
        _promise(error, sink)
        # Interrupts and full disks alike: finish the file with the rows that are in it.
        with contextlib.suppress(OSError):
            sink.close()
        raise
    sink.close()


def _promise(error: BaseException, sink: Sink) -> None:
    """An interrupt says what it leaves."""
    if isinstance(error, KeyboardInterrupt):
        error.add_note(f"{sink.count} rows written so far are kept")


def _replacing(path: Path, form: Form, schema: pa.Schema, force: bool) -> Iterator[Sink]:
    check_output(path, force)
    interrupted = None
    with beside(path) as stream:
        sink = _sink(stream, form, schema)
        try:
            yield sink
        except KeyboardInterrupt as interrupt:
            _promise(interrupt, sink)
            interrupted = interrupt
        except BaseException:
            # The writer of parquet must be closed even where nothing is kept.
            with contextlib.suppress(OSError):
                sink.close()
            raise
        sink.close()
        if interrupted is not None and not sink.count:
            raise interrupted
    if interrupted is not None:
        raise interrupted


def _tuples(batch: pa.RecordBatch) -> Iterator[tuple]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def chosen(schema: pa.Schema, names: Sequence[str] | None) -> pa.Schema:
    """The columns of those names, in their order, where K, L, lambda, n and d are names too; None means all.

    Raises ValueError for a column that is not there.
    """
    import pyarrow as pa

    if names is None:
        return schema
    if not names:
        raise ValueError(f"columns is empty; pass some of {', '.join(schema.names)}")
    full = {letter: name for name, letter in LETTERS.items() if name in schema.names}
    found = []
    for name in dict.fromkeys(full.get(name, name) for name in names):
        if name not in schema.names:
            hint = did_you_mean(name, [*schema.names, *full], f"pass some of {', '.join(schema.names)}")
            raise ValueError(f"there is no column {name!r}; {hint}")
        found.append(schema.field(name))
    return pa.schema(found)


def short(value: object, digits: int = 6) -> str:
    """A value with six (or so many) significant digits; missing values are empty."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
