"""Random texts of the whole grammar: derived, compiled, evaluated, and held against quadrature of what they mean.

Every text is worked on in a process of its own and may take a minute of processor time. A hang is a failure, and so are any
exception but ours, any warning, and any value that quadrature does not bear out.

Run: python -m tests.bench.grammar [--count 2000] [--seed 10] [--first 0] [--seconds 60]
"""

import argparse
import os
import signal
import time
import traceback
import warnings
from collections import Counter
from random import Random

from tests import grammar

EVERY = 10
"""C is compiled for every so many texts."""


def outcome(source: str, backends: tuple[str, ...], seconds: int) -> grammar.Result:
    """What `grammar.check` says of a text, from a child that is killed when its time is over."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        signal.setitimer(signal.ITIMER_PROF, seconds)  # seconds of work: other jobs on the machine do not count
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = grammar.check(source, backends)
        except Exception:  # whatever it is, it is what we look for
            found = grammar.Result("crashed", traceback.format_exc(limit=-4))
        os.write(into, f"{found.word}\n{found.detail}".encode()[:60000])
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as stream:
        word, _, detail = stream.read().decode().partition("\n")
    os.waitpid(child, 0)
    return grammar.Result(word or "hung", detail)


def main() -> None:
    """Print what failed, and the counts."""
    options = argparse.ArgumentParser(description=__doc__)
    for name, default in (("count", 2000), ("seed", 10), ("first", 0), ("seconds", 60)):
        options.add_argument(f"--{name}", type=int, default=default)
    asked = options.parse_args()
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    begin = time.perf_counter()
    for n in range(asked.first, asked.first + asked.count):
        source = grammar.text(Random(f"{asked.seed}:{n}"))
        backends = ("numpy", "c") if n % EVERY == 0 else ("numpy",)
        start = time.perf_counter()
        found = outcome(source, backends, asked.seconds)
        counts[found.word] += 1
        spent = time.perf_counter() - start
        if found.word in ("crashed", "hung", "wrong"):
            print(f"{n} {found.word} after {spent:.1f} s: {source}\n    {found.detail.strip()}", flush=True)
        elif found.word == "refused":
            reasons[" ".join(found.detail.split()[:9])] += 1
            print(f"{n} refused after {spent:.1f} s: {source}\n    {found.detail[:300]}", flush=True)
        elif spent > 20:
            print(f"{n} {found.word} after {spent:.1f} s: {source}", flush=True)
        if (n + 1) % 50 == 0:
            print(f"-- {n + 1}: {dict(counts)}, {time.perf_counter() - begin:.0f} s", flush=True)
    print(f"seed {asked.seed}, texts {asked.first} to {asked.first + asked.count - 1}: {dict(counts)}")
    print(f"{time.perf_counter() - begin:.0f} s")
    for reason, count in reasons.most_common(20):
        print(f"{count:5d} refused: {reason} …")


if __name__ == "__main__":
    main()
