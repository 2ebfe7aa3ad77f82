"""The runtime of generated kernels, a copy of ndksym.runtime: it needs NumPy and SciPy alone."""
