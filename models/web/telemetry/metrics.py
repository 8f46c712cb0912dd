"""Counts and times for Prometheus, without anything that says whose image it was or what was found in it.

Each label has few values, whatever is sent: patterns of addresses, not addresses; known methods, models and
codes. With several processes (PROMETHEUS_MULTIPROC_DIR) each writes into files there, and any adds them up.
"""

import os
import time
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from models.web.telemetry.request_log import OTHER, RequestContext

if TYPE_CHECKING:
    from models.inference.classifier import ModelRegistry

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
STATM = "/proc/self/statm"
NO_PAGE = "none"  # route of an address at which there is none


class Metrics:
    """The metrics of one application.

    Parameters
    ----------
    models
        Models that can be asked for; any other is counted as `OTHER`.

    Attributes
    ----------
    queue, searches
        Places taken in the queue, and searches under way.
    content_type
        Of `text`.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, models: Collection[str]) -> None:
        self._models = frozenset(models)
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        summed = partial(gauge, multiprocess_mode="livesum")
        of_process = partial(gauge, multiprocess_mode="liveall")
        seconds = partial(Histogram, registry=self.registry, buckets=SECONDS)
        about = "Answered requests; code: of the error, empty where there is none."
        self._requests = counter("nodule_requests", about, ("route", "method", "status", "code"))
        self._seconds = seconds("nodule_request_seconds", "Time to answer.", ("route",))
        about = "Requests for a model's answer; outcome: ok or the code of the error."
        self._answers = counter("nodule_answers", about, ("model", "outcome"))
        self._answer_seconds = seconds("nodule_answer_seconds", "Time to a model's answer.", ("model",))
        about = "Time to decode an upload, and to predict (waiting for other predictions included)."
        self._stages = seconds("nodule_stage_seconds", about, ("stage",))
        self.under_way = summed("nodule_requests_under_way", "Requests that are being answered.")
        self.queue = summed("nodule_queue_taken", "Places of the queue that are taken.")
        self.searches = summed("nodule_searches_running", "Searches for nodules under way.")
        self._memory = of_process("nodule_process_resident_bytes", "Resident memory of a process.")
        self._start = of_process("nodule_process_start_seconds", "When it was ready, since 1970.")
        about, names = "Always 1.", ("version", "weights")
        self._build = gauge("nodule_build_info", about, names, multiprocess_mode="livemax")
        about = "1 where a model answers."
        self._model = gauge("nodule_model_available", about, ("model",), multiprocess_mode="livemin")
        self._places = summed("nodule_queue_places", "Places of the queue.")

    def describe(self, version: str, registry: "ModelRegistry", places: int) -> None:
        """Say what this process serves: its version, its models and how many places its queue has."""
        self._start.set(time.time())
        self._build.labels(version, registry.checksum).set(1)
        self._places.set(places)
        for key in self._models:
            self._model.labels(key).set(registry.available(key))
        self._measure_memory()

    def count(self, context: RequestContext, status: int, seconds: float) -> None:
        """Count an answered request."""
        route = context.route or NO_PAGE
        self._requests.labels(route, context.method, status, context.code).inc()
        self._seconds.labels(route).observe(seconds)
        if context.model and context.method == "POST":
            model = context.model if context.model in self._models else OTHER
            self._answers.labels(model, context.code or ("ok" if status < 400 else OTHER)).inc()
            self._answer_seconds.labels(model).observe(seconds)
        for name, taken in context.stages:
            self._stages.labels(name).observe(taken)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format, those of the other processes of this server included."""
        self._measure_memory()
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)

    def _measure_memory(self) -> None:
        try:
            with open(STATM) as file:
                self._memory.set(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        except OSError:  # no Linux
            self._memory.set(float("nan"))
