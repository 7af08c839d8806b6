"""Where jobs run: processes here, or the workers of a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from optima.extras import needed
from optima.model.inputs import positive_integer
from optima.workers.guard import check_guard
from optima.workers.threads import cores_of_process, one_blas_thread

if TYPE_CHECKING:
    from distributed import Client

# Gives a fresh executor, and closes it at the end.
Executors = Callable[[], AbstractContextManager[Executor]]


def processes(workers: int | None = None) -> Executors:
    """Processes on this machine, each with one BLAS thread; by default as many as it has cores for this process.

    A script makes its calls under ``if __name__ == "__main__":``; elsewhere they raise RuntimeError.
    """
    count = positive_integer("workers", cores_of_process() if workers is None else workers)

    @contextmanager
    def start() -> Iterator[Executor]:
        check_guard()
        before = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")
        with one_blas_thread():
            pool = ProcessPoolExecutor(count, mp_context=context, initializer=_settle)
            try:
                yield pool
            except BaseException:
                # Ctrl-C and full disks do not wait for the jobs in flight: their cells will be solved again.
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()
                raise
            finally:
                pool.shutdown(cancel_futures=True)

    return start


def here() -> AbstractContextManager[Executor]:
    """This process, one job after the other: pass ``executors=here`` where starting processes is not worth it."""
    return ThreadPoolExecutor(1)


def _settle() -> None:
    """In a worker: die silently on Ctrl-C, and with the parent, whatever ended that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def dask(scheduler: str = "local", workers: int | None = None) -> Executors:
    """The workers of the Dask cluster at ``tcp://HOST:PORT``, or of one started here with ``"local"``.

    Raises ValueError when dask.distributed is missing or the scheduler does not answer. A scheduler that dies later
    shows as ConnectionError when a job is submitted.
    """
    distributed = needed("distributed", "dask")

    @contextmanager
    def start() -> Iterator[Executor]:
        if scheduler == "local":
            check_guard()
            count = positive_integer("workers", cores_of_process() if workers is None else workers)
            with one_blas_thread():
                cluster = distributed.LocalCluster(count, threads_per_worker=1, dashboard_address=":0")
            with cluster, distributed.Client(cluster) as client:
                # Replaces workers that die, also those that die while they start.
                cluster.adapt(minimum=count, maximum=count)
                yield _Cluster(client)
            return
        try:
            client = distributed.Client(scheduler, timeout=10)
        except (OSError, ValueError):
            raise ValueError(f"no Dask scheduler answers at {scheduler}; pass tcp://HOST:PORT or local") from None
        with _quiet_client(), client:
            yield _Cluster(client)

    return start


@contextmanager
def _quiet_client() -> Iterator[None]:
    """Without the log of the Dask client, which puts tracebacks where this program has a sentence."""
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


class _Cluster(Executor):
    """The executor of a Dask client, which refuses jobs when the scheduler is gone instead of keeping them for ever."""

    def __init__(self, client: Client) -> None:
        self._client, self._executor = client, client.get_executor(pure=False)

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        if self._client.status == "running":
            future = self._executor.submit(work, *arguments, **named)
            # Asked once more: a job sent while the client reconnects is never answered.
            if self._client.status == "running":
                return future
        raise ConnectionError(
            "the Dask scheduler was lost; start it again and repeat the command, what is done is kept"
        )


def lost_worker(error: BaseException) -> bool:
    """Whether a job failed because its worker died, not because of the job."""
    kinds = {"BrokenProcessPool", "KilledWorker", "CancelledError", "FutureCancelledError", "CommClosedError"}
    return any(kind.__name__ in kinds for kind in type(error).__mro__)
