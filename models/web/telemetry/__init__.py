"""What the server says of itself: logs and counts, without patient data."""

from models.web.telemetry.logs import set_up
from models.web.telemetry.metrics import Metrics
from models.web.telemetry.request_log import RequestLog, annotate, request_id, stage

__all__ = ["Metrics", "RequestLog", "annotate", "request_id", "set_up", "stage"]
