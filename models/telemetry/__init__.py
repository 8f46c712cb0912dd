"""What the server says of itself: logs and counts, without patient data."""

from models.telemetry.facts import note, request_id, stage
from models.telemetry.logs import set_up
from models.telemetry.metrics import Metrics
from models.telemetry.watch import Watch

__all__ = ["Metrics", "Watch", "note", "request_id", "set_up", "stage"]
