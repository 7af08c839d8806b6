"""Jobs on any executor, each taken as it ends; those whose worker dies are run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any, Protocol, TypeVar

from optima.workers.executors import Executors, lost_worker

# Times a job may lose its worker before all is given up.
LIVES = 12


class Runnable(Protocol):
    """What a worker can be sent: it is pickled, and so is what it returns."""

    def run(self) -> Any:
        """Do the work."""


J = TypeVar("J", bound=Runnable)


def work(
    jobs: Sequence[J], executors: Executors, take: Callable[[J, Any], None], lost: Callable[[], None] | None = None
) -> None:
    """Run the jobs and ``take`` each with its result, in this thread, in the order in which they end.

    ``lost`` is called for every worker that dies. Raises ConnectionError when a job keeps losing its worker, or a
    cluster its scheduler.
    """
    left = dict(enumerate(jobs))
    lives = dict.fromkeys(left, LIVES)
    while left:
        with executors() as executor:
            broken = _run(executor, left, lives, take, lost or (lambda: None))
        if not broken:
            break


def _run(
    executor: Executor,
    left: dict[int, J],
    lives: dict[int, int],
    take: Callable[[J, Any], None],
    lost: Callable[[], None],
) -> bool:
    """Run the jobs ``left``; True when the executor broke and another must go on."""
    pending: dict[Future[Any], int] = {executor.submit(_do, job): i for i, job in left.items()}
    while pending:
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            number = pending.pop(future)
            try:
                result = future.result()
            except BaseException as error:
                if not lost_worker(error):
                    raise
                lost()
                lives[number] -= 1
                if lives[number] == 0:
                    words = (
                        f"a job lost its worker {LIVES} times; give the workers more memory, then repeat the command"
                    )
                    raise ConnectionError(words) from error
                try:
                    pending[executor.submit(_do, left[number])] = number
                except RuntimeError:
                    # A pool that lost a process takes nothing more.
                    return True
            else:
                take(left.pop(number), result)
    return False


def _do(job: Runnable) -> Any:
    return job.run()
