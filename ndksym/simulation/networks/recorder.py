"""What the networks output, written down at the steps asked for; from the freezing step on, with the readout of then."""

import numpy as np

from ndksym.runtime.types import Array
from ndksym.simulation.networks.job import Job
from ndksym.simulation.networks.network import Forward, Networks, forward


class Report:
    """`found` is (pairs, 2, times, rows, outputs), filled step by step."""

    def __init__(self, job: Job, pairs: int) -> None:
        self.job = job
        self.found = np.empty((pairs, *job.per_pair))
        self._frozen: tuple[Array, Array | None] | None = None

    def at(self, number: int, of: Networks, seen: Forward) -> None:
        """Step `number`, at which the training set gives `seen`."""
        job = self.job
        if number == job.frozen:
            self._frozen = of.weights[-1].copy(), of.biases[-1].copy() if of.biases else None
        which = np.nonzero(job.asked == number)[0]
        if not len(which):
            return
        parts = [seen, forward(of, job.rows)] if job.rows.size else [seen]
        f = np.concatenate([self._read(part, of.beta) for part in parts], axis=-1)
        self.found[:, :, which] = f.swapaxes(-1, -2)[:, :, None]

    def _read(self, part: Forward, beta: float) -> Array:
        if self._frozen is None:
            return part.f
        W, b = self._frozen
        f: Array = W @ part.inputs[-1]
        return f if b is None else f + beta * b
