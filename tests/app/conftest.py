"""The application that cannot look for nodules; a visitor with a cookie, and scans that are kept for it."""

import pytest

from models.web.access.cookies import BROWSER_COOKIE
from models.web.store import new_token
from tests.app.made_series import WithLocaliser, chest_scan
from tests.conftest import make_app


@pytest.fixture(scope="session")
def blind(app, tmp_path_factory):
    """The application without weights for finding nodules."""
    folder = tmp_path_factory.mktemp("blind") / "store"
    return make_app({"REGISTRY": WithLocaliser(app.registry, None), "STORE": folder})


def new_visitor(app):
    """A client with a cookie."""
    client = app.test_client()
    client.owner = new_token()
    client.set_cookie(BROWSER_COOKIE, client.owner)
    return client


@pytest.fixture
def visitor(finder):
    """A client with a cookie, a new one for each test."""
    return new_visitor(finder)


@pytest.fixture
def kept(finder, visitor):
    """Keep a scan for the visitor; its address."""

    def keep(scan=None):
        return "/scan/" + finder.store.put(chest_scan() if scan is None else scan, visitor.owner)

    return keep
