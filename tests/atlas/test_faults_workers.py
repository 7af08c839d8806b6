"""What is left of a build whose workers, scheduler or whole run is killed: all that was finished, and a way on."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from optima import DeepUFM
from optima.atlas import Store, build, dask, processes

pytestmark = pytest.mark.slow

# Twenty jobs of four cells, and the same grid for the command line.
GRID = [DeepUFM(K, L, reg, n) for K in range(3, 8) for L in (2, 3) for reg in (1e-3, 1e-2) for n in range(1, 5)]
COMMAND = (
    *("atlas", "build", "--classes", "3:7", "--depths", "2:3", "--regs", "1e-3,1e-2", "--samples", "1:4"),
    *("--effort", "quick"),
)
OPTIMA = (sys.executable, "-c", "import sys; from optima.cli.main import main; sys.exit(main())")


def values(path):
    """Every cell by its key, and how many minima were ever replaced."""
    with Store(path) as store:
        cells = [(record.key, (record.loss, record.factors.tobytes(), record.structure)) for record in store.records()]
        past = sum(len(store.history(problem)) for problem in GRID)
    assert len(dict(cells)) == len(cells)
    return dict(cells), past


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The values of a build in one process that nothing happens to."""
    path = tmp_path_factory.mktemp("calm") / "atlas.sqlite"
    with Store(path, write=True) as store:
        build(store, GRID, effort="quick", executors=processes(1))
    cells, past = values(path)
    assert (len(cells), past) == (len(GRID), 0)
    return cells, past


@pytest.mark.needs("distributed")
def test_a_cluster_of_four_workers_one_killed_after_every_four_jobs(tmp_path, calm):
    import distributed

    rng, killed, stored = random.Random(0), [], []

    def kill(state):
        """One of the workers that have started."""
        stored.append(state.kept)
        if state.done >= 16 * (len(killed) + 1) < len(GRID):
            cluster = distributed.get_client().cluster
            started = [n for n in cluster.workers.values() if n.worker_address in cluster.scheduler.workers]
            pids = [nanny.pid for nanny in started if nanny.pid and nanny.pid not in killed]
            if pids:
                killed.append(rng.choice(pids))
                os.kill(killed[-1], signal.SIGKILL)

    with Store(tmp_path / "shot", write=True) as store:
        state = build(store, GRID, effort="quick", executors=dask("local", 4), progress=kill)
    assert len(killed) >= 2
    assert (state.done, state.kept, stored[-1]) == (len(GRID),) * 3
    assert values(tmp_path / "shot") == calm


def test_a_pool_that_loses_a_process_twice(tmp_path, calm):
    mine, killed = set(multiprocessing.active_children()), []

    def kill(state):
        if state.done > 24 * len(killed) < 48:
            killed.append(min(child.pid for child in set(multiprocessing.active_children()) - mine))
            os.kill(killed[-1], signal.SIGKILL)

    with Store(tmp_path / "shot", write=True) as store:
        state = build(store, GRID, effort="quick", executors=processes(2), progress=kill)
    assert len(set(killed)) == 2
    assert state.lost >= 2
    assert values(tmp_path / "shot") == calm


@contextmanager
def running(*command, **options):
    """A process that is ended at the latest with the block."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def scheduler_with_worker(folder):
    """A Dask scheduler and one worker, as a cluster would start them; the process of the scheduler and its address."""
    start = (sys.executable, "-m", "dask")
    quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    heard = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    with running(*start, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", **heard) as scheduler:
        address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder))
        with running(*start, "worker", address, *options, **quiet):
            yield scheduler, address


@pytest.mark.needs("distributed")
def test_a_scheduler_that_is_killed(tmp_path, calm):
    path = tmp_path / "atlas.sqlite"
    command = (*OPTIMA, *COMMAND, "--store", str(path), "--scheduler")
    with (
        scheduler_with_worker(tmp_path) as (scheduler, address),
        running(*command, address, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as build,
    ):
        first = build.stderr.readline()
        scheduler.kill()
        _, said = build.communicate()
    assert f"of {len(GRID)} cells" in first
    assert build.returncode == 2
    *progress, last = said.splitlines()
    assert not [line for line in progress if f"of {len(GRID)} cells" not in line]
    assert last == "optima: the Dask scheduler was lost; start it again and repeat the command, what is done is kept"
    assert 0 < len(values(path)[0]) < len(GRID)
    with scheduler_with_worker(tmp_path) as (_, address):
        again = subprocess.run([*command, address], capture_output=True, text=True, check=True)
    assert f"{path} has {len(GRID)}" in " ".join(again.stdout.split())
    assert values(path) == calm


def test_a_whole_run_that_is_killed(tmp_path, calm):
    path = tmp_path / "atlas.sqlite"
    command = (*OPTIMA, *COMMAND, "--store", str(path), "--workers", "2")
    with running(*command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as build:
        done = int(build.stderr.readline().split(" of ")[0])
        build.kill()
        # The workers end with it: no process keeps the pipe open.
        build.communicate()
    assert done <= len(values(path)[0]) < len(GRID)
    subprocess.run(command, check=True, capture_output=True)
    assert values(path) == calm
