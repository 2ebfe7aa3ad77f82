"""Random activations of the class that has closed forms (T16), as the texts a user would type."""

from hypothesis import strategies as st

ATOMS = (
    "x", "x**2", "x**3", "Max(0, x)", "Abs(x)", "Max(0, x - {r})", "erf({r}*x)", "x*erf({r}*x)", "Phi({r}*x)", "exp(-{r}*x**2)",
    "x*exp(-x**2)", "sin({r}*x)", "cos(x)", "x*cos(x)", "Min(x, {r})", "exp(-Abs(x))", "Max(0, x)**2", "exp({r}*x/4)",
)  # fmt: skip
JUMPS = ("Heaviside(x)", "sign(x - {r})", "x*Heaviside(x + {r})")
NUMBERS = ("1/2", "1/3", "2/3", "1", "3/2", "2")


def _term(atoms):
    return st.builds(
        lambda weight, atom, r: f"{weight}*{atom.format(r=f'({r})')}",
        st.sampled_from(("1", "-1/2", "2", "1/3", "-1")),
        st.sampled_from(atoms),
        st.sampled_from(NUMBERS),
    )


def activations(jumps=False):
    """One to three weighted atoms, never constant."""
    atoms = ATOMS + JUMPS if jumps else ATOMS
    return st.lists(_term(atoms), min_size=1, max_size=3, unique_by=lambda t: t.split("*", 1)[1]).map(" + ".join)
