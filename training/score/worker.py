"""What reads the nodules of one file after the other, with the models in memory."""

from functools import partial

from models.imaging.isolation.decoder import Decoder
from models.imaging.source import Source
from models.inference.bank import CONSENSUS, ModelBank
from models.inference.pipeline import analyse
from models.service.fields import asked_place, find_place, number
from training.score.rows import failed_row, row_of


class Scorer:
    """Gives the rows of a group of nodules, whatever the file is.

    Parameters
    ----------
    weights : Path
        Folder of the models' weights.
    bank : ModelBank, optional
        Loaded models, in place of those in `weights`.
    decoder : Decoder, optional
        Reads files, each in a process of its own: one that crashes a library, or never ends, costs its own
        rows.

    Raises
    ------
    RuntimeError
        A model is unavailable: a list is not scored by fewer than five.
    """

    def __init__(self, weights, bank=None, decoder=None):
        self._decoder = decoder or Decoder(weights=weights)
        self._bank = bank or ModelBank(weights)
        if self._bank.problems or self._bank.localiser is None:
            problems = " ".join(self._bank.problems.values()) or "The localiser cannot be used."
            raise RuntimeError(f"Not all models are available: {problems}")

    def score(self, group):
        """The rows of a group's nodules, in their order; nothing that is wrong with the file is raised.

        Parameters
        ----------
        group : Group

        Returns
        -------
        list of dict
            See `training.score.rows.COLUMNS`.
        """
        try:
            spacing_mm = number({"spacing_mm": group.spacing_mm}, "spacing_mm")
            scan = self._decoder.read(sources_in(group.path), spacing_mm)
        except Exception as error:
            return [failed_row(nodule, error) for nodule in group.nodules]
        return [self._row(scan, nodule) for nodule in group.nodules]

    def _row(self, scan, nodule):
        try:
            roi = find_place(scan, self._bank.localiser, *asked_place(nodule.fields))
            return row_of(nodule, analyse(scan, roi, CONSENSUS, self._bank))
        except Exception as error:
            return failed_row(nodule, error)


def sources_in(path):
    """The file or ZIP at a path, or the files of the folder there."""
    if not path.exists():
        raise FileNotFoundError
    paths = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [Source(str(file), partial(file.open, "rb")) for file in paths]
