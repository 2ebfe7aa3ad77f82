"""The house as it stands: rooms, floors, arrows between rooms, arrows upward, circles. Run: python -m tests.layout

A room is a folder or a loose module of ndksym. Imports inside functions and those for type checking count as all others.
"""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "ndksym"
ROOMS = (
    "errors", "symbols", "runtime", "output", "algebra", "activation", "kernels", "codegen", "dynamics", "simulation",
    "expansions", "verify", "report", "derivation", "cases", "cli", "__main__",
)  # fmt: skip
"""In order: a room may use earlier ones only."""
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
"""All but the lazy list of public names."""


def module(path):
    """Dotted name inside the package: dynamics.volterra, or dynamics for its __init__."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path) for path in FILES}


def room(name):
    """The room of a module."""
    return name.split(".")[0]


def imports(tree):
    """The modules of ours that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ndksym":
            base = node.module.split(".")[1:]
            for alias in node.names:
                whole = ".".join([*base, alias.name])
                yield whole if whole in MODULES else ".".join(base)
        elif isinstance(node, ast.Import):
            yield from (alias.name[7:] for alias in node.names if alias.name.startswith("ndksym."))


def arrows(level=room):
    """(from, to) between rooms, or between modules with `level` = str."""
    found = set()
    for path in FILES:
        here = module(path)
        for there in filter(None, imports(ast.parse(path.read_text(encoding="utf-8")))):
            if level(here) != level(there):
                found.add((level(here), level(there)))
    return found


def circles(edges):
    """Strongly connected sets of more than one."""
    after = defaultdict(set)
    for one, other in edges:
        after[one].add(other)
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(after[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in sorted(after):
        if node not in index:
            visit(node)
    return found


def upward(edges):
    """Arrows to a room that stands above."""
    return sorted((one, other) for one, other in edges if ROOMS.index(one) < ROOMS.index(other))


def floors(edges):
    """Length of the longest way down."""
    height = {}
    for name in ROOMS:
        height[name] = 1 + max((height[other] for one, other in edges if one == name and other in height), default=0)
    return max(height.values())


def main():
    """Print it."""
    edges = arrows()
    rooms = {room(module(path)) for path in FILES}
    print(f"{len(rooms)} rooms on {floors(edges)} floors, {len(edges)} arrows, {len(upward(edges))} upward")
    for one, other in upward(edges):
        print(f"  upward: {one} → {other}")
    for circle in circles(edges):
        print(f"  circle of rooms: {', '.join(circle)}")
    between = arrows(str)
    print(f"{len(MODULES)} modules, {len(between)} arrows, {len(circles(between))} circles")
    for circle in circles(between):
        print(f"  circle: {', '.join(circle)}")


if __name__ == "__main__":
    main()
