"""The public face of a derivation: what `derive` returns, which compiles and verifies itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ndksym.algebra.claim import Claim
from ndksym.codegen.backends import runnable_names
from ndksym.codegen.compile import kernel
from ndksym.kernels import latex
from ndksym.kernels.dual import Step
from ndksym.kernels.network import MAX_DEPTH, Network, network
from ndksym.runtime.arguments import choice
from ndksym.runtime.compiled import NUMPY
from ndksym.runtime.kernel import Kernel
from ndksym.verify import verify
from ndksym.verify.evidence import Certificate

__all__ = ["MAX_DEPTH", "Claim", "Derivation", "Step", "derive"]


@dataclass(frozen=True)
class Derivation(Network):
    """The kernels of a fully connected network of infinite width, exact and symbolic.

    `nngp`, `ntk` and `ndk` are SymPy expressions in k11, k12, k22, t, s (s ≤ t), T, sigma2, sigma02 and, with biases,
    beta; nngp holds sigma2 and ntk sigma02 alone. They are written out when asked for, and None where a layer's dual
    kernel has no closed form. Where an activation jumps, ntk and ndk raise DivergentKernelError.
    """

    def latex(self) -> str:
        """The derivation's formulas as one LaTeX `aligned` block, to stand in math mode."""
        return latex.aligned(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def verify(self, rungs: Sequence[str] | None = None, **options: Any) -> Certificate:
        """Climb the verification ladder, all rungs or those named; str() of the result is the table."""
        return verify(self, rungs=rungs, **options)

    def compile(self, backend: str = NUMPY) -> Kernel:
        """Compile the float64 kernels of this network.

        Parameters
        ----------
        backend : str, default "numpy"
            Name of a backend that runs, "numpy" or "c"; "c" needs a C compiler. Every file of
            `ndksym.codegen.backends` is one.

        Returns
        -------
        Kernel
            Has the methods nngp, ntk, prior_covariance and ndk, for arrays of inputs (n, N_0).

        Raises
        ------
        InputError
            If there is no such backend; the message lists those that run.
        MissingExtraError
            If something that the backend needs is not installed.
        NotDerivableError
            If an activation cannot be computed in float64.

        Notes
        -----
        The code of each layer is compared with quadrature of φ before it is used. A closed form that fails is not used;
        the kernel's repr says so.

        Examples
        --------
        >>> derive("relu").compile().nngp([[2.0]])
        array([[2.]])
        """
        return kernel(self, choice(backend, "backend", runnable_names()))


def derive(activation: object, depth: int | None = None, bias: bool = False) -> Derivation:
    """Derive the kernels of the network with `depth` hidden layers of one activation (1 without it), or of one per layer.

    An activation is a text such as "x*(1+erf(x/sqrt(2)))/2", a catalogue name such as "gelu", a SymPy expression in one
    real symbol, or an Activation; a list or tuple of these gives one per hidden layer, and then depth is its length.
    InputError or InputTypeError (both ValueError or TypeError too) say which argument is wrong; NotDerivableError, that
    no variance gives a finite kernel.

    >>> d = derive("erf", depth=1)
    >>> d.duals[0].K
    2*asin(2*c/(sqrt(2*a + 1)*sqrt(2*b + 1)))/pi
    >>> d.nngp
    2*sigma2*asin(2*k12*sigma2/(sqrt(2*k11*sigma2 + 1)*sqrt(2*k22*sigma2 + 1)))/pi
    """
    found = network(activation, depth, bias)
    return Derivation(found.activations, found.duals, found.bias)
