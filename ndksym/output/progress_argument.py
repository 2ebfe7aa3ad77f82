"""The argument `progress` of public functions: a bar, a function, or nothing."""

import contextlib
from collections.abc import Iterator

from ndksym.runtime.arguments import Progress, listener

__all__ = ["reported"]


@contextlib.contextmanager
def reported(progress: Progress | bool | None, text: str) -> Iterator[Progress]:
    """The function that a computation calls with the fraction done, from the argument `progress` of a public function.

    True shows a bar, in notebooks too; a function is called as it is; None and False report nothing.
    """
    if progress is not True:
        yield listener(None if progress is False else progress)
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(text, total=1.0)
        yield lambda fraction: shown.update(task, completed=fraction)
