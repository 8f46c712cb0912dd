"""Counts and times for Prometheus, without anything that says whose image it was or what was found in it.

Each label has few values, whatever is sent: patterns of addresses, not addresses; known methods, models and
codes. With several processes (PROMETHEUS_MULTIPROC_DIR) each writes into files there, and any adds them up.
"""

import os
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from models.web.telemetry.request_context import OTHER

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
STATM = "/proc/self/statm"
NO_PAGE = "none"  # route of an address at which there is none


class Metrics:
    """The metrics of one application.

    Parameters
    ----------
    models : collection of str
        Models that can be asked for; any other is counted as `OTHER`.

    Attributes
    ----------
    queue, searches : Gauge
        Places taken in the queue, and searches under way.
    content_type : str
        Of `text`.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, models):
        self._models = frozenset(models)
        self.registry = CollectorRegistry()
        own = {"registry": self.registry}
        summed = own | {"multiprocess_mode": "livesum"}
        self._requests = Counter(
            "nodule_requests",
            "Answered requests; code: of the error, empty where there is none.",
            ("route", "method", "status", "code"),
            **own,
        )
        self._seconds = Histogram(
            "nodule_request_seconds", "Time to answer.", ("route",), buckets=SECONDS, **own
        )
        self._answers = Counter(
            "nodule_answers",
            "Requests for a model's answer; outcome: ok or the code of the error.",
            ("model", "outcome"),
            **own,
        )
        self._answer_seconds = Histogram(
            "nodule_answer_seconds", "Time to a model's answer.", ("model",), buckets=SECONDS, **own
        )
        self._stages = Histogram(
            "nodule_stage_seconds",
            "Time to decode an upload, and to predict (waiting for other predictions included).",
            ("stage",),
            buckets=SECONDS,
            **own,
        )
        self.under_way = Gauge("nodule_requests_under_way", "Requests that are being answered.", **summed)
        self.queue = Gauge("nodule_queue_taken", "Places of the queue that are taken.", **summed)
        self.searches = Gauge("nodule_searches_running", "Searches for nodules under way.", **summed)
        alive = own | {"multiprocess_mode": "liveall"}
        self._memory = Gauge("nodule_process_resident_bytes", "Resident memory of a process.", **alive)
        self._info = {  # by the moment at which all is loaded
            "start": Gauge("nodule_process_start_seconds", "When it was ready, since 1970.", **alive),
            "build": Gauge(
                "nodule_build_info",
                "Always 1.",
                ("version", "weights"),
                multiprocess_mode="livemax",
                **own,
            ),
            "model": Gauge(
                "nodule_model_available",
                "1 where a model answers.",
                ("model",),
                multiprocess_mode="livemin",
                **own,
            ),
            "places": Gauge("nodule_queue_places", "Places of the queue.", **summed),
        }

    def describe(self, version, registry, places):
        """Say what this process serves.

        Parameters
        ----------
        version : str
            Of the application.
        registry : ModelRegistry
        places : int
            Of the queue.
        """
        self._info["start"].set(time.time())
        self._info["build"].labels(version, registry.checksum).set(1)
        self._info["places"].set(places)
        for key in self._models:
            self._info["model"].labels(key).set(registry.available(key))
        self._measure_memory()

    def count(self, facts, status, seconds):
        """Count an answered request.

        Parameters
        ----------
        facts : Facts
        status : int
        seconds : float
        """
        route = facts.route or NO_PAGE
        self._requests.labels(route, facts.method, status, facts.code).inc()
        self._seconds.labels(route).observe(seconds)
        if facts.model and facts.method == "POST":
            model = facts.model if facts.model in self._models else OTHER
            self._answers.labels(model, facts.code or ("ok" if status < 400 else OTHER)).inc()
            self._answer_seconds.labels(model).observe(seconds)
        for name, taken in facts.stages:
            self._stages.labels(name).observe(taken)

    def text(self):
        """All metrics in Prometheus' text format, those of the other processes of this server included."""
        self._measure_memory()
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)

    def _measure_memory(self):
        try:
            with open(STATM) as file:
                self._memory.set(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        except OSError:  # no Linux
            self._memory.set(float("nan"))
