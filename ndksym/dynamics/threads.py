"""BLAS threads: small products are formed by one, since several would wait for one another longer than they compute."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

SMALL = 256
"""Rows of training and test inputs up to which one thread is at least as fast."""


@contextmanager
def suited(rows: int) -> Iterator[None]:
    """One BLAS thread inside the block if the matrices have at most SMALL rows."""
    with threadpool_limits(limits=1 if rows <= SMALL else None, user_api="blas"):
        yield
