"""Compiled kernels: the layer recursion over arrays, the same for every backend."""

from ndksym.runtime.kernel import Kernel

__all__ = ["Kernel"]
