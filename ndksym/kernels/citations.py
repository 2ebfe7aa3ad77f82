"""BibTeX of the publications that a derivation rests on."""

from __future__ import annotations

from sympy import erf

from ndksym.algebra.bivariate_normal import Phi2
from ndksym.kernels.dual import Dual
from ndksym.kernels.network import Network

__all__ = ["cite"]

_ENTRIES = {
    "avidan2023connecting": """@misc{avidan2023connecting,
  author = {Avidan, Yehonatan and Li, Qianyi and Sompolinsky, Haim},
  title = {Connecting {NTK} and {NNGP}: A Unified Theoretical Framework for Wide Neural Network Learning Dynamics},
  year = {2023},
  eprint = {2309.04522},
  archiveprefix = {arXiv},
  note = {Neural Dynamical Kernel}
}""",
    "lee2018deep": """@inproceedings{lee2018deep,
  author = {Lee, Jaehoon and Bahri, Yasaman and Novak, Roman and Schoenholz, Samuel S. and Pennington, Jeffrey and
            Sohl-Dickstein, Jascha},
  title = {Deep Neural Networks as {Gaussian} Processes},
  booktitle = {International Conference on Learning Representations},
  year = {2018},
  eprint = {1711.00165},
  archiveprefix = {arXiv}
}""",
    "jacot2018neural": """@inproceedings{jacot2018neural,
  author = {Jacot, Arthur and Gabriel, Franck and Hongler, Cl{\\'e}ment},
  title = {Neural Tangent Kernel: Convergence and Generalization in Neural Networks},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {31},
  year = {2018},
  eprint = {1806.07572},
  archiveprefix = {arXiv}
}""",
    "price1958useful": """@article{price1958useful,
  author = {Price, Robert},
  title = {A useful theorem for nonlinear devices having {Gaussian} inputs},
  journal = {IRE Transactions on Information Theory},
  volume = {4},
  number = {2},
  pages = {69--72},
  year = {1958}
}""",
    "stein1981estimation": """@article{stein1981estimation,
  author = {Stein, Charles M.},
  title = {Estimation of the Mean of a Multivariate Normal Distribution},
  journal = {The Annals of Statistics},
  volume = {9},
  number = {6},
  pages = {1135--1151},
  year = {1981}
}""",
    "williams1997computing": """@inproceedings{williams1997computing,
  author = {Williams, Christopher K. I.},
  title = {Computing with infinite networks},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {9},
  pages = {295--301},
  year = {1997}
}""",
    "cho2009kernel": """@inproceedings{cho2009kernel,
  author = {Cho, Youngmin and Saul, Lawrence K.},
  title = {Kernel Methods for Deep Learning},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {22},
  pages = {342--350},
  year = {2009}
}""",
    "owen1956tables": """@article{owen1956tables,
  author = {Owen, Donald B.},
  title = {Tables for Computing Bivariate Normal Probabilities},
  journal = {The Annals of Mathematical Statistics},
  volume = {27},
  number = {4},
  pages = {1075--1090},
  year = {1956}
}""",
}
"""In the order in which they are cited."""


def cite(network: Network) -> str:
    """The entries of the publications that the derivation uses, as one BibTeX text.

    >>> from ndksym.kernels.network import network
    >>> [line for line in cite(network("erf")).splitlines() if line.startswith("@")][-1]
    '@inproceedings{williams1997computing,'
    """
    used = {"avidan2023connecting", "lee2018deep"}
    if not network.diverges:
        used.add("jacot2018neural")
    for dual in network.duals:
        used |= _behind(dual)
    return "\n\n".join(entry for key, entry in _ENTRIES.items() if key in used) + "\n"


def _behind(dual: Dual) -> set[str]:
    """What the closed form of one activation rests on."""
    if dual.K is None:
        return set()
    used = {"price1958useful", "stein1981estimation"}
    if dual.K.has(Phi2):
        used.add("owen1956tables")
    if dual.activation.homogeneity is not None and dual.activation.rough + dual.activation.kinks:
        used.add("cho2009kernel")
    if dual.activation.expr.has(erf):
        used.add("williams1997computing")
    return used
