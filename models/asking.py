"""Predictors asked about splits, here or on several processes: long work, cut where nothing is shared."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from models.progress import Progress
from models.splits import Placing, Predictor, Said, Split

Job = tuple[Predictor, Split]


@contextmanager
def processes(workers: int) -> Iterator[Executor | None]:
    """A pool of fresh processes, one core each; None for one worker, who is this process.

    Fresh, for a forked torch may hang.
    """
    if workers < 2:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_one_core) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def ask(jobs: Sequence[Job], pool: Executor | None, bar: Progress | None = None) -> list[Said]:
    """What each predictor says of those held out by its split, in the order of the jobs."""
    said = []
    found = map(_speak, jobs) if pool is None else pool.map(_speak, jobs)
    for one in found:
        said.append(one)
        if bar is not None:
            bar.update()
    return said


def _speak(job: Job) -> Said:
    predictor, split = job
    return predictor.said(split) if isinstance(predictor, Placing) else Said(predictor(split))


def _one_core() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
