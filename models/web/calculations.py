"""What readers answer to the calculators, and the results that they keep for the report: beside the scan.

What is said of the patient holds for the whole scan, the rest for one finding. It goes with the scan, and is
in no address and no log.
"""

from collections.abc import Mapping

import msgspec

from models.inference.finding import Finding
from models.reports.calculators import (
    Calculated,
    OfNodule,
    Remembered,
    answers_in,
    at_present,
    kept_result,
    nodule_at_present,
    typed,
)
from models.web.finding_list import FindingList
from models.web.store import ScanStore
from models.web.store.keys import CALCULATED, OF_NODULE, PATIENT


class Calculations:
    """The calculators' answers and results, in a store; methods raise what the store's raise."""

    def __init__(self, store: ScanStore) -> None:
        self._store, self._findings = store, FindingList(store)

    def remembered(self, token: str, owner: str, index: int, finding: Finding) -> Remembered:
        """What was answered of a finding and its patient; results follow sizes that were corrected since."""
        read = self._store.read
        kept = Remembered(
            read(token, owner, PATIENT, {}),
            msgspec.convert(read(token, owner, f"{OF_NODULE}{index}", {}), OfNodule),
            msgspec.convert(read(token, owner, f"{CALCULATED}{index}", []), tuple[Calculated, ...]),
        )
        return at_present(finding, kept)

    def keep(
        self, token: str, owner: str, index: int, finding: Finding, form: Mapping[str, str]
    ) -> tuple[dict[str, str], bool]:
        """Remember the answers that a form changes, and the result of its calculator.

        Raises `FindingGone` where nothing is left of the finding meanwhile, nor then of these.

        Parameters
        ----------
        form
            As `changed_in` leaves it: answers that it does not have stay.

        Returns
        -------
        form : dict
            With all answers as they are now.
        has_result : bool
        """
        changes = typed(form)

        def of_patient(kept: dict[str, str] | None) -> dict[str, str]:
            return answers_in(finding, (kept or {}) | changes)[0]

        def of_nodule(kept: dict[str, object] | None) -> dict[str, object]:
            now = nodule_at_present(finding, msgspec.convert(kept or {}, OfNodule))
            changed: dict[str, object] = msgspec.to_builtins(answers_in(finding, now.fields | changes)[1])
            return changed

        patient = self._store.update(token, owner, PATIENT, of_patient)
        nodule = self._findings.update(token, owner, index, OF_NODULE, of_nodule)
        whole = {**patient, **nodule["fields"], **form}
        result = kept_result(finding, whole)
        if result is not None:
            self._replace(token, owner, index, result.key, [msgspec.to_builtins(result)])
        return whole, result is not None

    def take_back(self, token: str, owner: str, index: int, key: str) -> None:
        """Keep the result of a calculator no longer."""
        self._replace(token, owner, index, key, [])

    def _replace(self, token: str, owner: str, index: int, key: str, new: list[object]) -> None:
        def change(kept: list[dict[str, object]] | None) -> list[object]:
            return [each for each in kept or [] if each["key"] != key] + new

        self._findings.update(token, owner, index, CALCULATED, change)
