"""For ``gunicorn -c .deploy/gunicorn.conf.py "app:create_app()"``; reasons and figures: .deploy/README.md."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
METRICS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client looks for it when it is first imported


def make_metrics_folder():
    """A folder in which the processes of this server add up their counts; it goes when the master goes."""
    prefix, master = f"lung-nodule-metrics-{os.getpid()}-", os.getpid()
    if prefix in os.environ.get(METRICS, ""):  # this file is read again when the server is told to reload
        return
    os.environ[METRICS] = folder = tempfile.mkdtemp(prefix=prefix)
    atexit.register(lambda: os.getpid() == master and shutil.rmtree(folder, ignore_errors=True))


make_metrics_folder()

from models.web.gunicorn_server import *  # noqa: E402, F403
