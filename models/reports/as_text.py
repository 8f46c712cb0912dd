"""A finding as lines for a terminal, and the sentence on its reliability for every view of it."""

from collections.abc import Iterator

from models.inference.finding import DISCLAIMER, Finding, ModelAnswer
from models.inference.measurement.sizes import Measurement

WORDS = {
    "benign": "benign-looking",
    "malignant": "malignant-looking",
    "indeterminate": "indeterminate",
    "no_nodule": "no nodule recognised here",
    "mass": "a mass: suspicious by size alone, whatever the models say",
    "benign_as_most": "benign-looking, as most of this size are (the models add nothing here)",
    "malignant_as_most": "malignant-looking, as most of this size are (the models add nothing here)",
    "benign_for_nothing": "benign-looking, but at this size that says nothing",
    "malignant_for_nothing": "malignant-looking, but at this size that says nothing",
}


def finding_as_text(finding: Finding) -> str:
    """Verdict and how far to rely on it, the five models' answers, size, warnings and the disclaimer."""
    lines = [_first_line(finding)]
    if finding.verdict == "no_nodule" and finding.nodule_probability is not None:
        lines.append(f"  Probability that there is a nodule: {finding.nodule_probability:.2f}")
    if reliability := reliability_line(finding):
        lines.append(reliability)
    if finding.probability is not None:
        lines += [_model_line(answer) for answer in finding.models]
    lines += size_lines(finding.reading.measurement)
    lines += volume_lines(finding)
    if finding.earlier is not None:
        from models.reports.comparison.as_text import earlier_rows  # which takes its words from here

        lines += [f"  {name}: {text}" for name, text in earlier_rows(finding.earlier)]
    lines += [f"Warning: {notice.message}" for notice in finding.notices]
    return "\n".join([*lines, DISCLAIMER])


def reliability_line(finding: Finding) -> str | None:
    """What the verdict adds to the size of the nodule, in one sentence; None where that is not known."""
    found = finding.reliability
    if found is None:
        return None
    who = "the models" if finding.model == "consensus" else finding.title
    nodules = f"{_counted(found.nodules)} {_of_size(*found.size_mm)}"
    said = f"Of {nodules}, {_were(found.malignant)} rated malignant"
    if found.malignant:
        said += f"; {who} {_recognised(found.recognised, found.malignant)}"
    if found.same is None:
        return f"{said}."
    if not found.adds:
        return f"{said}: at this size a {finding.verdict} look says nothing more than the size does."
    same = f"of {found.same.nodules} that looked {finding.verdict} {_were(found.same.malignant)}"
    return f"{said}; {same}: at this size a {finding.verdict} look says more than the size does."


def _first_line(finding: Finding) -> str:
    line = f"{finding.title}: {WORDS[finding.headline]}"
    if finding.probability is None:
        return line
    return f"{line}, probability {finding.probability:.2f} (operating point {finding.threshold:.2f})"


def _model_line(answer: ModelAnswer) -> str:
    said = "unavailable"
    if answer.probability is not None and answer.verdict is not None:
        said = f"{answer.probability:.2f}  {WORDS[answer.verdict]}"
    return f"  {answer.title:<13} {said}"


def _counted(n: int) -> str:
    return "1 nodule" if n == 1 else f"{n} nodules"


def _of_size(low: float, high: float | None) -> str:
    if high is None:
        return f"above {low:g} mm"
    return f"of {low:g} to {high:g} mm" if low else f"below {high:g} mm"


def _were(n: int) -> str:
    return {0: "none was", 1: "1 was"}.get(n, f"{n} were")


def _recognised(n: int, of: int) -> str:
    if of == 1:
        return "recognised it" if n else "did not recognise it"
    return f"recognised {'none' if n == 0 else 'all' if n == of else n} of them"


def size_lines(measurement: Measurement | None) -> Iterator[str]:
    """Size and density of the nodule, as far as they are known: at most two lines."""
    if measurement is None:
        return
    if measurement.long_axis_mm is not None:
        yield (
            f"  Size          {measurement.long_axis_mm:.1f} x {measurement.short_axis_mm:.1f} mm, "
            f"mean {measurement.mean_diameter_mm:.1f} mm"
        )
    if measurement.mean_hu is not None:
        impression = f", looks {measurement.texture}" if measurement.texture else ""
        yield f"  Density       mean {measurement.mean_hu:.0f} HU{impression}"


def volume_lines(finding: Finding) -> Iterator[str]:
    """Volume, solid part, slices and side of the nodule, as far as they are known; who drew its outline."""
    reading, found = finding.reading, finding.reading.measurement
    if found is not None and found.volume_mm3 is not None:
        error = finding.volume_relative_error
        off = f", typical error {100 * error:.0f} %" if error is not None else ""
        sphere = f"a sphere of {found.volume_diameter_mm:.1f} mm"
        yield f"  Volume        {found.volume_mm3:.0f} mm3, {sphere}{off}"
    if found is not None and found.solid_long_axis_mm is not None:
        yield f"  Solid part    {found.solid_long_axis_mm:.1f} mm long"
    if reading.slices and len(finding.scan.slices) > 1:
        first, last = reading.slices
        yield f"  Slices        {first} to {last}, largest in {reading.roi.slice}"
    if reading.side:
        yield f"  Lung          {reading.side}"
    if reading.corrected:
        yield "  The outline was corrected by the reader."
