"""Markov proximal learning of finite strength λ; times count steps.

f_t = (1/2T) Σ_{s=1..t} D(t, s) (y − f_s) with λ = `strength`, exact at any λ (T8; arXiv 2309.04522).
"""

from dataclasses import replace

from ndksym.dynamics import checks, steps
from ndksym.dynamics.methods import Option
from ndksym.dynamics.problem import Problem, Solution
from ndksym.runtime.types import Array

LABEL = "Markov proximal learning"
TIME_UNIT = "steps"
OPTIONS = (
    Option("strength", "strength λ > 0 of the proximal term; times then count steps", checks.sized, required=True),
)
THERMAL = True
COVARIANCE = True
MATRICES = checks.TABLE_MATRICES


def solve(problem: Problem, times: Array) -> Solution:
    """Mean, and covariance where it is wanted, at the steps `times` (M,); λ steps take the time 1/learning rate."""
    strength = problem.options["strength"]
    return replace(steps.solve(problem, times, steps.proximal(problem, strength), 1.0), unit=strength)
