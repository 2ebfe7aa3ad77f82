"""Learning tasks by name: a .npz file, the synthetic task of arXiv 2309.04522, two classes of digits or images.

Images are not centred. Every sample is scaled to |x|² = N_0, so that x·x/N_0 = 1.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ndksym.dynamics import archive
from ndksym.errors import InputError, InputTypeError, MissingExtraError, brief
from ndksym.runtime import checks
from ndksym.runtime.arguments import integer, seed_number
from ndksym.runtime.memory import require_memory
from ndksym.runtime.types import Array

__all__ = ["FORMS", "Task", "digits", "load"]

FORMS = "FILE.npz, orthogonal:P[,overlap=0.9][,width=N], digits:A,B or openml:NAME:A,B[,version=1]"
_LARGEST = 10_000
"""Largest number of orthonormal inputs."""
_NAMES = ("X", "y", "X_test", "y_test")


@dataclass(frozen=True, eq=False)
class Task:
    """A data set: training inputs and labels, and perhaps test ones.

    Parameters
    ----------
    X : array (P, N_0)
        Training inputs.
    y : array (P,) or (P, outputs)
        Training labels.
    X_test : array (rows, N_0), optional
        Test inputs.
    y_test : array (rows,) or (rows, outputs), optional
        Test labels, with as many outputs as y.
    name : str
        Where the data come from; errors begin with it.

    Raises
    ------
    InputError, InputTypeError
        If an array is not finite, not real or does not fit the others; the message names the array.

    Notes
    -----
    The arrays are converted to float64.
    """

    X: Array
    y: Array
    X_test: Array | None = None
    y_test: Array | None = None
    name: str = "arrays"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InputTypeError(f"name must be text, got {brief(self.name)}")
        try:
            X = checks.points(self.X, "X")
            y = _labels(self.y, "y", len(X))
            X_test = None if self.X_test is None else checks.points(self.X_test, "X_test", X.shape[1])
            if self.y_test is not None and X_test is None:
                raise InputError("y_test needs X_test, the inputs that it belongs to")
            y_test = None if self.y_test is None or X_test is None else _labels(self.y_test, "y_test", len(X_test))
            if y_test is not None and y_test.shape[1:] != y.shape[1:]:
                raise InputError(f"y_test must have as many outputs as y, {y.shape[1:]}; got {y_test.shape[1:]}")
        except (InputError, InputTypeError) as error:
            raise type(error)(f"{self.name}: {error}") from error
        for name, value in zip(_NAMES, (X, y, X_test, y_test), strict=True):
            object.__setattr__(self, name, value)


def load(text: str, *, train: int | None = None, seed: int = 0, data_home: str | Path | None = None) -> Task:
    """Load a task by its name.

    Parameters
    ----------
    text : str
        One of

        - ``FILE.npz``: a file with arrays X and y, and perhaps X_test and y_test;
        - ``orthogonal:P[,overlap=0.9][,width=N]``: P inputs with x·x'/N_0 = δ and labels ±1, half of each sign, the first +1;
          and one test input with this overlap with the first input, none with the others, and the label +1. N_0 is `width`, by
          default max(2P, 32);
        - ``digits:A,B``: two classes of scikit-learn's digits, about 180 images of 8 × 8 pixels each. A has the label +1, B −1.
          Each may be a group of classes, as in digits:0+2+4+6+8,1+3+5+7+9;
        - ``openml:NAME:A,B[,version=1]``: two classes of a data set at openml.org, such as mnist_784 or CIFAR_10.
    train : int, optional
        Number of training examples, drawn with `seed`: by default all examples of a file and 80 % of the images. The other
        examples are test examples, unless the file has test examples of its own.
    seed : int
        Seed of everything that is drawn.
    data_home : str or Path, optional
        Folder in which data from openml.org are kept, so that they are downloaded once; by default that of scikit-learn, which
        the environment variable SCIKIT_LEARN_DATA sets.

    Returns
    -------
    Task
        Inputs and labels.

    Raises
    ------
    InputError, InputTypeError
        For a text or a file that is not understood.
    MissingExtraError
        For digits and images without scikit-learn.

    Examples
    --------
    >>> task = load("orthogonal:4,overlap=0.5")
    >>> task.X.shape, task.X_test.shape, float(task.y.sum())
    ((4, 32), (1, 32), 0.0)
    >>> [round(float(entry), 12) + 0.0 for entry in task.X @ task.X_test[0] / 32]
    [0.5, 0.0, 0.0, 0.0]
    """
    if not isinstance(text, str):
        raise InputTypeError(f"a task is named by text, one of {FORMS}; got {brief(text)}")
    seed = seed_number(seed)
    train = None if train is None else integer(train, "train", 1)
    kind, _, rest = text.partition(":")
    if kind == "orthogonal":
        if train is not None:
            raise InputError(f"{text} has its own number of training inputs, P; leave out train={train}")
        return _orthogonal(text, rest, seed)
    if kind == "digits":
        return _split(_pair(text, rest, digits), 0.8, train, seed)
    if kind == "openml":
        name, _, classes = rest.partition(":")
        words, options = _words(text, classes, {"version": int})
        if not name:
            raise InputError(f"{text!r} names no data set; write openml:NAME:A,B, such as openml:mnist_784:0,1")
        read = lambda: _openml(name, options.get("version", 1), data_home)  # noqa: E731
        return _split(_pair(text, ",".join(words), read), 0.8, train, seed)
    path = Path(text)
    if path.suffix != ".npz" and not os.path.exists(path):
        raise InputError(f"{text!r} is neither a file nor the name of a task; allowed are {FORMS}")
    return _split(_file(path), 1.0, train, seed)


def _labels(value: object, name: str, rows: int) -> Array:
    out = checks.floats(value, name)
    if out.ndim not in (1, 2) or len(out) != rows or out.size == 0:
        of = "X" if name == "y" else "X_test"
        raise InputError(
            f"{name} must have shape ({rows},) or ({rows}, outputs), one row for each of {of}; got {out.shape}"
        )
    bad = np.argwhere(~np.isfinite(out))
    if len(bad):
        where = ", ".join(str(index) for index in bad[0])
        raise InputError(f"{name}[{where}] is {out[tuple(bad[0])]}; all labels must be finite")
    return out


def _file(path: Path) -> Task:
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; name a .npz file with arrays X, y and, if there are any, X_test, y_test")
    return Task(**archive.arrays(path, ("X", "y"), _NAMES), name=str(path))


def _orthogonal(text: str, rest: str, seed: int) -> Task:
    words, options = _words(text, rest, {"overlap": float, "width": int})
    if len(words) != 1 or not (words[0].isascii() and words[0].isdigit()) or len(words[0]) > 9:
        raise InputError(f"{text!r} must say how many inputs, as in orthogonal:8 or orthogonal:8,overlap=0.9,width=32")
    P = int(words[0])
    width, overlap = options.get("width", max(2 * P, 32)), options.get("overlap", 0.9)
    if not 1 <= P <= _LARGEST:
        raise InputError(f"{text}: the number of inputs must lie between 1 and {_LARGEST}")
    size = 8 * 3 * width * (P + 1)
    require_memory(
        size, f"{text}: drawing {P:,} directions in {width:,} dimensions", "ask for fewer", archive.MOST_BYTES
    )
    if not P < width <= 10 * _LARGEST:
        raise InputError(
            f"{text}: width must be at least {P + 1}, a direction for each input and one for the test input, "
            f"and at most {10 * _LARGEST}; got {width}"
        )
    if not -1 <= overlap <= 1:
        raise InputError(f"{text}: overlap must lie between -1 and 1, got {overlap}")
    rng = np.random.default_rng(seed)
    directions = np.sqrt(width) * np.linalg.qr(rng.normal(size=(width, P + 1)))[0].T
    y = rng.permutation(np.where(np.arange(P) < (P + 1) // 2, 1.0, -1.0))
    y *= y[0]  # f ↦ −f is a symmetry; with y[0] = 1 the test curve rises
    test = overlap * directions[:1] + np.sqrt(1 - overlap**2) * directions[P:]
    return Task(directions[:P], y, test, y[:1], text)


def _pair(text: str, classes: str, read: Callable[[], tuple[Any, Any]]) -> Task:
    """Samples of two classes or groups of classes with labels ±1; each sample is scaled to |x|² = N_0."""
    sides = [word.strip() for word in classes.split(",")]
    if len(sides) != 2 or "" in sides or sides[0] == sides[1]:
        raise InputError(
            f"{text!r} must end in two different classes, as in digits:0,1 or openml:mnist_784:4,9, or groups: digits:0+2,1+3"
        )
    data, target = read()
    labels = np.array([_class(value) for value in np.asarray(target).ravel().tolist()])
    present = sorted(set(labels.tolist()))
    groups = [[word] if word in present else [part.strip() for part in word.split("+")] for word in sides]
    for word in groups[0] + groups[1]:
        if word not in present:
            shown = ", ".join(present[:20]) + (", …" if len(present) > 20 else "")
            raise InputError(f"{text}: there is no class {word!r}; there are {shown}")
    if both := set(groups[0]) & set(groups[1]):
        raise InputError(f"{text}: class {min(both)!r} is on both sides")
    keep = np.isin(labels, groups[0] + groups[1])
    dense = data[keep].toarray() if hasattr(data, "toarray") else np.asarray(data)[keep]
    task = Task(dense, np.where(np.isin(labels[keep], groups[0]), 1.0, -1.0), name=text)
    size = np.sqrt(np.mean(task.X**2, axis=1, keepdims=True))
    if np.any(size == 0):
        raise InputError(f"{text}: sample {int(np.argmin(size))} of these classes is all 0 and has no direction")
    return replace(task, X=task.X / size)


def _class(value: object) -> str:
    """The name of a class; 3, 3.0 and "3" are the same one."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def digits() -> tuple[Any, Any]:
    """The digits of scikit-learn: images (1797, 64) and classes. Raises MissingExtraError without scikit-learn."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(_NO_SKLEARN) from error
    images = load_digits()
    return images.data, images.target


_NO_SKLEARN = 'digits and openml data need scikit-learn; install it with: pip install "ndksym[data]"'


def _openml(name: str, version: int, data_home: str | Path | None) -> tuple[Any, Any]:
    try:
        from sklearn.datasets import fetch_openml
    except ImportError as error:
        raise MissingExtraError(_NO_SKLEARN) from error
    try:
        # this parser does not need pandas
        images = fetch_openml(
            name, version=version, data_home=data_home, as_frame=False, parser="liac-arff", n_retries=1, delay=0.5
        )
    except OSError as error:
        raise InputError(
            f"openml.org cannot be reached for {name}, version {version} ({error}); a download needs a network once, and is then "
            "kept in the data folder of scikit-learn (SCIKIT_LEARN_DATA)"
        ) from error
    except (ValueError, KeyError) as error:
        raise InputError(f"openml.org has no data set {name}, version {version}, that can be read: {error}") from error
    if images.target is None:
        raise InputError(f"{name}, version {version}, has no column of classes, so two of them cannot be learnt")
    return images.data, images.target


def _split(task: Task, share: float, train: int | None, seed: int) -> Task:
    """The task with training examples drawn with the seed, and the others for testing; unchanged if all are for training."""
    total = len(task.X)
    count = max(1, int(share * total)) if train is None else train
    if count > total:
        raise InputError(f"{task.name} has {total} examples, so train={count} is too many")
    if count == total and train is None:
        return task
    order = np.random.default_rng(seed).permutation(total)
    chosen, rest = order[:count], order[count:]
    if task.X_test is not None or len(rest) == 0:
        return replace(task, X=task.X[chosen], y=task.y[chosen])
    return replace(task, X=task.X[chosen], y=task.y[chosen], X_test=task.X[rest], y_test=task.y[rest])


def _words(text: str, rest: str, types: dict[str, Callable[[str], Any]]) -> tuple[list[str], dict[str, Any]]:
    """Comma-separated words, and the name=value options among them."""
    words, options = [], {}
    for word in rest.split(","):
        name, equals, value = (part.strip() for part in word.partition("="))
        if not equals:
            words.append(name)
        elif name not in types:
            raise InputError(f"{text}: the option {name!r} is not known; allowed are {', '.join(types)}")
        else:
            try:
                options[name] = types[name](value)
            except ValueError as error:
                kind = "an integer" if types[name] is int else "a number"
                raise InputError(f"{text}: {name} must be {kind}, got {value!r}") from error
    return words, options
