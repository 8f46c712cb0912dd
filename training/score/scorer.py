"""What reads the nodules of one file after the other, with the models in memory."""

from pathlib import Path

from models.imaging.scan import Scan
from models.inference.classifier import CONSENSUS, ModelRegistry
from models.inference.detection.search import find_location
from models.inference.pipeline import analyse
from models.ingest.asked import Asked
from models.ingest.fields import asked_location, number
from models.ingest.sandbox.decoder import Decoder
from models.ingest.source import sources_at
from training.score.manifest import Group, Nodule, Row
from training.score.rows import failed_row, row_of


class Scorer:
    """Gives the rows of a group of nodules, whatever the file is.

    Parameters
    ----------
    weights : Path
        Folder of the models' weights.
    registry : ModelRegistry, optional
        Loaded models, in place of those in `weights`.
    decoder : Decoder, optional
        Reads files in processes of their own: one that crashes a library, or never ends, costs its own rows.

    Raises
    ------
    RuntimeError
        A model is unavailable: a list is not scored by fewer than five.
    """

    def __init__(
        self, weights: Path, registry: ModelRegistry | None = None, decoder: Decoder | None = None
    ) -> None:
        self._decoder = decoder or Decoder(weights=weights)
        self._registry = registry or ModelRegistry(weights)
        if self._registry.problems or self._registry.localiser is None:
            problems = " ".join(map(str, self._registry.problems.values())) or "The localiser cannot be used."
            raise RuntimeError(f"Not all models are available: {problems}")

    def score(self, group: Group) -> list[Row]:
        """The rows of a group's nodules, in their order; nothing that is wrong with the file is raised."""
        try:
            asked = Asked(
                spacing_mm=number(group.said, "spacing_mm"),
                slice_spacing_mm=number(group.said, "slice_spacing_mm"),
                series=group.said.get("series") or None,
            )
            if not group.path.exists():
                raise FileNotFoundError
            scan = self._decoder.read(sources_at([group.path]), asked)
        except Exception as error:
            return [failed_row(nodule, error) for nodule in group.nodules]
        return [self._row(scan, nodule) for nodule in group.nodules]

    def _row(self, scan: Scan, nodule: Nodule) -> Row:
        try:
            roi, _ = find_location(scan, self._registry.finder, *asked_location(nodule.fields))
            return row_of(nodule, analyse(scan, roi, CONSENSUS, self._registry))
        except Exception as error:
            return failed_row(nodule, error)
