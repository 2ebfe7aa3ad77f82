"""Number of BLAS threads: small products use one, since several threads would wait for each other longer than they compute."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

SMALL = 256
"""Number of training and test rows up to which one thread is at least as fast."""


@contextmanager
def suited(rows: int) -> Iterator[None]:
    """Use one BLAS thread inside the block if the matrices have at most SMALL rows."""
    with threadpool_limits(limits=1 if rows <= SMALL else None, user_api="blas"):
        yield
