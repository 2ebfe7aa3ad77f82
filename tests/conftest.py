"""Hypothesis profiles: `ci` is derandomised and bounded, `deep` searches; choose with HYPOTHESIS_PROFILE. --slow
enlarges samples. Tests run in the order of the rooms, from what everything rests on to the command line."""

import os

# the workers of a test run share the cores: each with threads of its own they would wait for one another
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests import layout

settings.register_profile(
    "ci",
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    max_examples=20,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("deep", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="larger samples")


@pytest.fixture(scope="session")
def slow(request):
    return request.config.getoption("--slow")


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: _room(item.path.relative_to(config.rootpath / "tests").parts[0]))
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs --slow"))


def _room(name):
    """The place of a folder of tests in the order of the rooms; what is of no one room comes last."""
    return layout.ROOMS.index(name) if name in layout.ROOMS else len(layout.ROOMS)
