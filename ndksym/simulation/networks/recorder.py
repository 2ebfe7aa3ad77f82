"""Outputs of the networks at the reported steps; after the freezing step, with the readout of that step."""

import numpy as np

from ndksym.runtime.types import Array
from ndksym.simulation.networks.job import Job
from ndksym.simulation.networks.network import Forward, NetworkBatch, forward


class Recorder:
    """Fills `outputs` (pairs, 2, times, rows, outputs) step by step."""

    def __init__(self, job: Job, pairs: int) -> None:
        self.job = job
        self.outputs = np.empty((pairs, *job.per_pair))
        self._frozen: tuple[Array, Array | None] | None = None

    def record(self, number: int, nets: NetworkBatch, passed: Forward) -> None:
        """Take the outputs of step `number`, whose forward pass on the training set is `passed`."""
        job = self.job
        if number == job.frozen:
            self._frozen = nets.weights[-1].copy(), nets.biases[-1].copy() if nets.biases else None
        which = np.nonzero(job.report_steps == number)[0]
        if not len(which):
            return
        parts = [passed, forward(nets, job.rows)] if job.rows.size else [passed]
        f = np.concatenate([self._output(part, nets.beta) for part in parts], axis=-1)
        self.outputs[:, :, which] = f.swapaxes(-1, -2)[:, :, None]

    def _output(self, part: Forward, beta: float) -> Array:
        """f, by the frozen readout if there is one."""
        if self._frozen is None:
            return part.f
        W, b = self._frozen
        f: Array = W @ part.inputs[-1]
        return f if b is None else f + beta * b
