import pytest
from flask import Flask


@pytest.fixture(autouse=True)
def bounds():
    """The settings within which requests are read."""
    app = Flask(__name__)
    app.config.update(MAX_FILES=10, MAX_TEXT_KB=500)
    with app.app_context():
        yield
