"""Start until ready, and the memory of the server and all its children as it works."""

import random
from statistics import median

from tests.bench.client import Client, form
from tests.bench.inputs import bad_files, crop_png, series_zip, slice_dicom
from tests.bench.server import configuration, running
from tests.bench.table import Row

READY_S, MEMORY_MB, GROWTH = 10, 1300, 0.05
EARLY, LATE = 100, 2000  # requests; memory is compared between the two
TWENTY = {  # of every twenty requests, in a random order
    "JSON of a crop": 6,
    "page of a crop": 1,
    "slice (DICOM)": 1,
    "series (ZIP)": 1,
    "bad file": 5,
    "models": 4,
    "PDF": 2,
}
SEED = 6


def start(repeats):
    """Rows: seconds from the start of the process until ``/healthz`` is 200."""
    seconds = []
    for _ in range(repeats):
        with running() as server:
            seconds.append(server.ready_s)
    detail = f"of {repeats}: {', '.join(f'{one:.1f}' for one in seconds)}; {configuration()}"
    return [Row("start", "start to ready, median", median(seconds), "s", at_most=READY_S, detail=detail)]


def memory(requests=LATE):
    """Rows: megabytes after the start, after `EARLY` and after `requests` mixed requests, and the growth."""
    early = min(EARLY, requests // 2)
    with running() as server:
        taken = {0: server.memory_mb()}
        visitor, kinds = Visitor(server.port), mixture(requests)
        for n, kind in enumerate(kinds, 1):
            visitor.ask(kind)
            if n in (early, requests):
                taken[n] = server.memory_mb()
        visitor.close()
    rows = [
        Row("memory", f"{what} after {n} requests", values[i], "MB", at_most=MEMORY_MB)
        for n, values in taken.items()
        for i, what in enumerate(("resident (RSS)", "proportional (PSS)"))
    ]
    return rows + [_growth(taken, i, name, early, requests) for i, name in enumerate(("RSS", "PSS"))]


def _growth(taken, i, name, early, late):
    growth = taken[late][i] / taken[early][i] - 1
    return Row("memory", f"{name}: growth from {early} to {late}", 100 * growth, "%", at_most=100 * GROWTH)


def mixture(requests):
    """Kinds of so many requests in their order, the same each time; all but the last few in their shares."""
    rng, kinds = random.Random(SEED), []
    while len(kinds) < requests:
        some = [kind for kind, n in TWENTY.items() for _ in range(n)]
        rng.shuffle(some)
        kinds += some
    return kinds[:requests]


class Visitor:
    """One browser that sends requests of all kinds, one after the other.

    Raises
    ------
    RuntimeError
        An answer has another status than the expected one.
    """

    def __init__(self, port):
        self._client, self._bad, self._turn = Client(port), bad_files(), 0
        self._crop = form(crop_png())
        dicom, (row, col) = slice_dicom()
        self._slice = form(dicom, "slice.dcm", row=row, col=col)
        series, (row, col, index) = series_zip()
        self._series = form(series, "series.zip", row=row, col=col, slice=index)
        self._finding = None
        self._acts = {
            "JSON of a crop": lambda: self._post("/api/v1/predict", self._crop),
            "page of a crop": self._page,
            "slice (DICOM)": lambda: self._post("/api/v1/predict", self._slice),
            "series (ZIP)": lambda: self._post("/api/v1/predict", self._series),
            "bad file": self._refused,
            "models": lambda: self._expect(self._client.get("/models"), (200,)),
            "PDF": self._pdf,
        }

    def ask(self, kind):
        """Send a request of a kind of `TWENTY`."""
        self._acts[kind]()

    def close(self):
        """Close the connection."""
        self._client.close()

    def _post(self, path, sent, statuses=(200,)):
        return self._expect(self._client.post(path, sent), statuses)

    def _page(self):
        self._finding = self._post("/predict", self._crop)[1]["Content-Location"]

    def _pdf(self):
        if self._finding is None:
            self._page()
        self._expect(self._client.get(f"{self._finding}/download/report.pdf"), (200,))

    def _refused(self):
        name, data = self._bad[self._turn % len(self._bad)]
        self._turn += 1
        self._post("/api/v1/predict", form(data, name), (400, 415, 422))

    @staticmethod
    def _expect(answer, statuses):
        if answer[0] not in statuses:
            raise RuntimeError(f"Expected {statuses}. Received: {answer[0]} {answer[2][:300]!r}")
        return answer
