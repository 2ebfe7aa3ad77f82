"""What a user sees on stderr while work goes on: a bar or a spinner on a terminal, a few plain lines otherwise."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator

from ndksym.errors import ToleranceWarning


@contextlib.contextmanager
def spinner(text: str) -> Iterator[None]:
    """A spinner on a terminal, one plain line otherwise."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(text):
            yield
    else:
        print(text, file=sys.stderr, flush=True)
        yield


@contextlib.contextmanager
def bar(text: str) -> Iterator[Callable[[float], None]]:
    """What it yields is to be called with the fraction done: a bar on a terminal, a line at each quarter otherwise."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(text, total=1.0)
            yield lambda fraction: progress.update(task, completed=fraction)
        return
    print(text, file=sys.stderr, flush=True)
    told = 0

    def tell(fraction: float) -> None:
        nonlocal told
        quarter = int(4 * fraction)
        if quarter > told:
            told = quarter
            print(f"{text}: {25 * quarter} %", file=sys.stderr, flush=True)

    yield tell


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Each warning once, as one line, when the block ends: whoever calls a command did not write the code it is about."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToleranceWarning)
        try:
            yield
        finally:
            for text in dict.fromkeys(" ".join(str(each.message).split()) for each in caught):
                print(f"ndksym: warning: {text}", file=sys.stderr, flush=True)
