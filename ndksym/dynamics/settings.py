"""The settings of a result: everything that made it, as plain numbers and text."""

import platform
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from ndksym.dynamics.physics import Physics
from ndksym.runtime.kernel import Kernel

__all__ = ["made_with", "versions"]


def made_with(kernel: Kernel, physics: Physics, **arguments: Any) -> dict[str, Any]:
    """Network, physics, further arguments (None is left out) and the versions of the software."""
    return {
        "network": [layer.name for layer in kernel.layers],
        "depth": len(kernel.layers),
        "backend": kernel.backend,
        "temperature": physics.temperature,
        "prior_variance": physics.prior_variance,
        "init_variance": physics.init_variance,
        "bias": physics.bias,
        **{name: value for name, value in arguments.items() if value is not None},
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of ndksym, its libraries and Python."""
    return dict(_versions())


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    libraries = ((name, version(name)) for name in ("ndksym", "numpy", "scipy", "sympy"))
    return (*libraries, ("python", platform.python_version()))
