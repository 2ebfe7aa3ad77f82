"""Hypothesis profiles: `ci` is derandomised and bounded, `deep` searches; choose with HYPOTHESIS_PROFILE. --slow
enlarges samples. Tests run in the order of the rooms, from what everything rests on to the command line."""

import os

# the workers of a test run share the cores: each with threads of its own they would wait for one another
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests import layout

SHARED = {"tests/test_gallery.py", "tests/report/test_report.py", "tests/test_translation.py"}
"""Files whose tests share something that takes many seconds to make."""

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give a file whose tests share something expensive to one worker, and every other test to whichever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return file if file in SHARED else nodeid

    return Scheduling(config, log)


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: _room(item.path.relative_to(config.rootpath / "tests").parts[0]))
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs --slow"))


def _room(name):
    """The place of a folder of tests in the order of the rooms; what is of no one room comes last."""
    return layout.ROOMS.index(name) if name in layout.ROOMS else len(layout.ROOMS)
