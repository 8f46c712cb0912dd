"""Lists of nodules, tables of scores, and a run that is stopped."""

import csv

import pyarrow.parquet

HEADER = ["file", "row", "col", "slice", "spacing_mm"]
KINDS = ("spiculated", "smooth", "spiculated")


def write_list(path, *rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def table(path):
    return pyarrow.parquet.read_table(path).to_pylist()


class Stopped:
    """Takes the place of the progress bar: stops the run as Ctrl-C does after some files."""

    def __init__(self, after):
        self.left, self.seen = after, []

    def __call__(self, **options):
        self.seen.append((options["initial"], options["total"]))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, n):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
