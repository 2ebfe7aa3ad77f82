"""How long deriving takes: each catalogue activation in a process of its own, the whole catalogue in one, and --help.

Run: python -m tests.bench.derive
"""

import subprocess
import sys
import time

ONE = """
import time, ndksym
t = time.perf_counter()
d = ndksym.derive({name!r})
d.nngp
if not d.diverges:
    d.ntk, d.ndk
print(time.perf_counter() - t)
"""


def seconds(code: str) -> tuple[float, str]:
    """Wall time of a fresh interpreter running `code`, and what it printed."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.perf_counter() - begin, done.stdout


def main() -> None:
    """Print the table."""
    from ndksym.activation.catalogue import names

    helps = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ndksym", "--help"], capture_output=True, check=True)
        helps.append(time.perf_counter() - begin)
    print(f"{'ndksym --help, median of 5':34} {sorted(helps)[2]:7.2f} s   (bar 0.5 s)")

    slowest = ("", 0.0)
    for name in names():
        process, printed = seconds(ONE.format(name=name))
        slowest = max(slowest, (name, float(printed)), key=lambda x: x[1])
        print(f"{name:34} {float(printed):7.2f} s   {process:6.2f} s with imports")
    print(f"{'slowest: ' + slowest[0]:34} {slowest[1]:7.2f} s   (bar 5 s)")

    whole = "import ndksym\nfrom ndksym.activation.catalogue import names\nfor n in names():\n    d = ndksym.derive(n); d.nngp"
    print(f"{'whole catalogue, one process':34} {seconds(whole)[0]:7.2f} s   (bar 120 s)")


if __name__ == "__main__":
    main()
