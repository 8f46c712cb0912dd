"""Times side by side: what is compared takes turns, so that noise of other load hits all sides alike."""

import time
from statistics import median, quantiles

PAUSE_S = 0.1  # between two turns: threads of ONNX Runtime spin for work some time after their last


def side_by_side(sides, repeats, warm=3):
    """Seconds of each of `sides` (callables by name), `repeats` times each, after `warm` rounds unmeasured.

    A side may return its own seconds; else the call is timed. The order rotates from round to round.

    Returns
    -------
    dict of str to list of float
    """
    names, seconds = list(sides), {name: [] for name in sides}
    for turn in range(-warm, repeats):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            own = sides[name]()
            taken = time.perf_counter() - start
            if turn >= 0:
                seconds[name].append(own if isinstance(own, float) else taken)
    return seconds


def medians_ms(sides, repeats, warm=3):
    """Median milliseconds of each side; see `side_by_side`."""
    return {name: 1000 * median(taken) for name, taken in side_by_side(sides, repeats, warm).items()}


def percentile(values, percent):
    """A percentile of the values; nan of none."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return quantiles(values, n=100, method="inclusive")[percent - 1]
