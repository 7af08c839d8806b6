"""What a full disk, a cut power line and many readers leave of an atlas file."""

import dataclasses
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from optima import DeepUFM
from optima.atlas import Record, Store

# Cells of one transaction of the writer below.
TOGETHER = 7

WRITER = f"""
import dataclasses, sys
import numpy as np
from optima import DeepUFM, solve
from optima.atlas import Record, Store
base = Record.of(solve(DeepUFM(4, 3, 2**-10), effort="quick"))
with Store(sys.argv[1], write=True) as store:
    store._connection.execute("PRAGMA wal_autocheckpoint = " + sys.argv[2])
    for turn in range(int(sys.argv[3])):
        regs = 1e-3 * (1 + np.arange({TOGETHER}) + {TOGETHER} * turn)
        store.put(dataclasses.replace(base, problem=DeepUFM(4, 3, float(reg))) for reg in regs)
        print(turn + 1, flush=True)
    sys.stdin.read()
"""

READER = """
import sys, time
from optima.atlas import Store
seen, last = set(), 0
while len(seen) < int(sys.argv[2]):
    time.sleep(0.005)
    with Store(sys.argv[1]) as store:
        count = len(list(store.records()))
    assert count >= last
    last = count
    seen.add(count)
print(*sorted(seen))
"""

BUILD = ("build", "--classes", "3:6", "--depths", "2:5", "--regs", "1e-5:1e-1:9", "--effort", "quick", "--workers", "1")


def python(code, *arguments, stdout=subprocess.PIPE):
    """A process that runs some code."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, text=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "atlas.sqlite"


@pytest.fixture
def records(solution):
    record = Record.of(solution)
    return [dataclasses.replace(record, problem=DeepUFM(4, L, 1e-3)) for L in range(2, 60)]


def whole(path):
    """Number of transactions that a file holds, each whole, in a database that SQLite finds in order."""
    with Store(path, write=True) as store:
        assert store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = sorted(record.problem.reg for record in store.records())
    assert found == (1e-3 * (1 + np.arange(len(found)))).tolist()
    assert len(found) % TOGETHER == 0
    return len(found) // TOGETHER


def snapshot(path, folder):
    """A copy of the files of a store."""
    folder.mkdir()
    for name in (path.name, path.name + "-wal"):
        shutil.copy(path.with_name(name), folder / name)
    return folder / path.name


def test_a_limit_on_the_size_of_files(path, records):
    """A quota or a broken disk is no full disk to SQLite, but an error of input and output."""
    with Store(path, write=True) as store:
        store.put(records[:1])
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = store._log_size()
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 16_000, before[1]))
        try:
            with pytest.raises(OSError, match=r"disk I/O error.*atlas\.sqlite"):
                store.put(records)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        with Store(path) as reader:
            assert len(reader) == 1
        assert len(store.put(records[1:])) == len(records) - 1


def test_an_atlas_whose_first_writer_was_stopped_at_once(path, records):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("VACUUM")
    connection.close()
    assert path.stat().st_size
    with pytest.raises(ValueError, match="no atlas yet; pass a file written by optima atlas build"):
        Store(path)
    with Store(path, write=True) as store:
        assert len(store.put(records)) == len(records)


@pytest.mark.slow
def test_a_log_cut_anywhere_holds_whole_transactions(path, tmp_path):
    """What a machine without power may leave of a log: any part of it, the rest missing, zero or noise."""
    rng = random.Random(0)
    with python(WRITER, path, 0, 12) as writer:
        for turn in range(12):
            assert int(writer.stdout.readline()) == turn + 1
        full = snapshot(path, tmp_path / "full")
        writer.kill()
    log = full.with_name(full.name + "-wal").read_bytes()
    counts = []
    for i in range(40):
        end = rng.randrange(len(log) + 1)
        tail = (b"", bytes(len(log) - end), rng.randbytes(min(len(log) - end, 50_000)))[i % 3]
        cut = snapshot(full, tmp_path / f"cut{i}")
        cut.with_name(cut.name + "-wal").write_bytes(log[:end] + tail)
        counts.append((end, whole(cut)))
    assert whole(full) == 12
    counts.sort()
    assert counts == sorted(counts, key=lambda pair: pair[1]), "a longer log never holds less"
    assert len({count for _, count in counts}) >= 6


@pytest.mark.slow
def test_a_writer_frozen_anywhere_has_stored_what_it_said(path, tmp_path):
    """The files as they lie on the disk in the middle of writes and of checkpoints, which come often here."""
    rng, log = random.Random(0), tmp_path / "said"
    with open(log, "w") as stream, python(WRITER, path, 10, 10_000, stdout=stream) as writer:
        while not log.stat().st_size:
            time.sleep(0.01)
        for i in range(8):
            time.sleep(rng.uniform(0.05, 0.3))
            writer.send_signal(signal.SIGSTOP)
            os.waitpid(writer.pid, os.WUNTRACED)
            copy, said = snapshot(path, tmp_path / f"copy{i}"), int(log.read_text().split()[-1])
            writer.send_signal(signal.SIGCONT)
            assert said <= whole(copy) <= said + 1
        writer.kill()


@pytest.mark.slow
def test_two_processes_read_while_two_write_in_turns(path):
    Store(path, write=True).close()
    readers = [python(READER, path, 10) for _ in range(2)]
    # They write until both readers have seen enough.
    with open(os.devnull, "w") as nowhere:
        writers = [python(WRITER, path, 10, 10**6, stdout=nowhere) for _ in range(2)]
    seen = [list(map(int, reader.communicate()[0].split())) for reader in readers]
    assert [writer.poll() for writer in writers] == [None, None]
    for writer in writers:
        writer.kill()
        writer.communicate()
    assert [len(counts) for counts in seen] == [10, 10]
    assert all(count % TOGETHER == 0 for counts in seen for count in counts)
    assert TOGETHER * whole(path) >= max(seen[0] + seen[1])


MOUNTED = 'mount -t tmpfs -o size=$1 none $2 && shift 2 && exec "$@"'

FULL = """
import contextlib, io, json, subprocess, sys
from optima.cli.main import main
def optima(*arguments):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        return main(["atlas", *arguments]), said.getvalue()
if __name__ == "__main__":
    store, *build = sys.argv[1:]
    steps = [optima(*build, "--store", store), optima("verify", store)]
    subprocess.run(["mount", "-o", "remount,size=20m", store.rsplit("/", 1)[0]], check=True)
    steps += [optima(*build, "--store", store), optima("verify", store)]
    print(json.dumps(steps))
"""


@pytest.mark.slow
def test_a_build_on_a_full_disk_says_so_and_goes_on_when_there_is_room(tmp_path):
    (tmp_path / "disk").mkdir()
    for rights in (["--user", "--map-root-user"], []):
        command = ["unshare", *rights, "--mount", "sh", "-c", MOUNTED, "sh"]
        tried = [*command, "400k", str(tmp_path / "disk"), "true"]
        if shutil.which("unshare") and not subprocess.run(tried, capture_output=True, check=False).returncode:
            break
    else:
        pytest.skip("no file system of a given size can be mounted here")
    path = str(tmp_path / "disk" / "atlas.sqlite")
    done = subprocess.run(
        [*command, "560k", str(tmp_path / "disk"), sys.executable, "-c", FULL, path, *BUILD],
        capture_output=True,
        text=True,
        check=True,
    )
    (code, said), (read, found), (again, end), (last, every) = json.loads(done.stdout)
    assert code == 2
    assert f"optima: writing {path} failed (No space left on device); make room and repeat the command" in said
    assert "Traceback" not in said
    part, total = (int(words.split(" of ")[0]) for words in (found, every))
    assert (read, again, last) == (0, 0, 0)
    assert 0 < part < total == 4 * 4 * 9
    assert f"{total - part} cells solved or improved" in end
