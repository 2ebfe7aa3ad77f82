"""What the tests of generated code share."""

import warnings
from collections.abc import Iterator

import pytest

from ndksym.codegen.backends import runnable_names

BACKENDS = runnable_names()
"""Those that run."""
ULP = 2.0**-53


@pytest.fixture(autouse=True)
def strict(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiled code of the tests stays with the tests, and no warning goes unseen."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
