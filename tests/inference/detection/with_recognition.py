"""A registry that recognises a nodule, or none, whatever it is shown, and measures a disc of a given size."""

from models.inference.reading import Recognition
from tests.inference.measurement.shapes import DiscLocaliser

NONE, SOME = Recognition(0.03, 0.5), Recognition(0.97, 0.5)


class Disc(DiscLocaliser):
    """The disc as the whole application needs it."""

    report = {}


class WithRecognition:
    """A registry with this `Recognition` of every place; all else is the real one.

    Parameters
    ----------
    registry : ModelRegistry
    recognition : Recognition or None
    diameter_mm : float, optional
        Of the disc that is measured everywhere; else the registry's own localiser outlines.
    threshold : float, optional
        Operating point of all models; else their own.
    """

    def __init__(self, registry, recognition, diameter_mm=None, threshold=None):
        self._registry, self._recognition = registry, recognition
        if diameter_mm is not None:
            self.localiser = Disc(diameter_mm)
        self._threshold = threshold

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def recognise(self, scan, roi, shown=None):
        return self._recognition

    def threshold(self, key):
        """The one operating point, or the real one."""
        return self._registry.threshold(key) if self._threshold is None else self._threshold

    def defers(self, key, probability, disagreement):
        """Never: verdicts here follow from operating points alone."""
        return False
