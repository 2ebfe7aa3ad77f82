"""Progress on stderr: a bar or a spinner on a terminal, a few plain lines otherwise."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator

from ndksym.errors import ToleranceWarning

__all__ = ["bar", "plain_warnings", "spinner"]


@contextlib.contextmanager
def spinner(text: str) -> Iterator[None]:
    """Show a spinner on a terminal, print one line otherwise."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(text):
            yield
    else:
        print(text, file=sys.stderr, flush=True)
        yield


@contextlib.contextmanager
def bar(text: str) -> Iterator[Callable[[float], None]]:
    """Yield a function of the fraction done: it moves a bar on a terminal, and prints a line at each quarter otherwise."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(text, total=1.0)
            yield lambda fraction: progress.update(task, completed=fraction)
        return
    print(text, file=sys.stderr, flush=True)
    last = 0

    def advance(fraction: float) -> None:
        nonlocal last
        quarter = int(4 * fraction)
        if quarter > last:
            last = quarter
            print(f"{text}: {25 * quarter} %", file=sys.stderr, flush=True)

    yield advance


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Print each warning once, as one line, when the block ends: CLI users should not see source locations."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToleranceWarning)
        try:
            yield
        finally:
            for text in dict.fromkeys(" ".join(str(each.message).split()) for each in caught):
                print(f"ndksym: warning: {text}", file=sys.stderr, flush=True)
