"""A finding as lines for a terminal, and the sentence on its reliability for every view of it."""

from collections.abc import Iterator
from typing import Any

from models.inference.finding import DISCLAIMER, Finding, ModelAnswer
from models.inference.measurement.sizes import Measurement
from models.inference.reliability import SameVerdict
from models.messages import Message, counted, joined

WORDS = {
    "benign": Message("benign-looking"),
    "malignant": Message("malignant-looking"),
    "indeterminate": Message("indeterminate"),
    "no_nodule": Message("no nodule recognised here"),
    "mass": Message("a mass: suspicious by size alone, whatever the models say"),
    "benign_as_most": Message("benign-looking, as most of this size are (the models add nothing here)"),
    "malignant_as_most": Message("malignant-looking, as most of this size are (the models add nothing here)"),
    "benign_for_nothing": Message("benign-looking, but at this size that says nothing"),
    "malignant_for_nothing": Message("malignant-looking, but at this size that says nothing"),
}


def finding_as_text(finding: Finding) -> str:
    """Verdict and how far to rely on it, the five models' answers, size, warnings and the disclaimer."""
    lines = [_first_line(finding)]
    if finding.verdict == "no_nodule" and finding.nodule_probability is not None:
        lines.append(f"  Probability that there is a nodule: {finding.nodule_probability:.2f}")
    if reliability := reliability_line(finding):
        lines.append(str(reliability))
    if finding.probability is not None:
        lines += [_model_line(answer) for answer in finding.models]
    lines += size_lines(finding.reading.measurement)
    lines += volume_lines(finding)
    if finding.earlier is not None:
        from models.reports.comparison.as_text import earlier_rows  # which takes its words from here

        lines += [f"  {name}: {text}" for name, text in earlier_rows(finding.earlier)]
    lines += [f"Warning: {notice.message}" for notice in finding.notices]
    return "\n".join([*lines, str(DISCLAIMER)])


def reliability_line(finding: Finding) -> Message | None:
    """What the verdict adds to the size of the nodule, in one sentence; None where that is not known."""
    found = finding.reliability
    if found is None:
        return None
    nodules, rated = _nodules_of_size(found.nodules, *found.size_mm), _rated_malignant(found.malignant)
    said = Message("Of {nodules}, {rated}", nodules=nodules, rated=rated)
    if found.malignant:
        said = joined("; ", [said, _recognised(finding, found.recognised, found.malignant)])
    if found.same is None:
        return joined("", [said, "."])
    is_benign = finding.verdict == "benign"
    if not found.adds:
        if is_benign:
            adds = Message("at this size a benign look says nothing more than the size does")
        else:
            adds = Message("at this size a malignant look says nothing more than the size does")
        return joined("", [said, ": ", adds, "."])
    if is_benign:
        adds = Message("at this size a benign look says more than the size does")
    else:
        adds = Message("at this size a malignant look says more than the size does")
    return joined("", [said, "; ", _looked_so(found.same, is_benign), ": ", adds, "."])


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


def _nodules_of_size(n: int, low: float, high: float | None) -> Message:
    if high is None:
        return counted("{n} nodule above {low:g} mm", "{n} nodules above {low:g} mm", n, low=low)
    if not low:
        return counted("{n} nodule below {high:g} mm", "{n} nodules below {high:g} mm", n, high=high)
    return counted(
        "{n} nodule of {low:g} to {high:g} mm", "{n} nodules of {low:g} to {high:g} mm", n, low=low, high=high
    )


def _rated_malignant(n: int) -> Message:
    if n == 0:
        return Message("none was rated malignant")
    return counted("1 was rated malignant", "{n} were rated malignant", n)


def _looked_so(same: SameVerdict, is_benign: bool) -> Message:
    """How many of those with the same verdict were rated malignant."""
    n, rated = same.nodules, counted("1 was", "{n} were", same.malignant)
    if same.malignant == 0:
        rated = Message("none was")
    if is_benign:
        return counted(
            "of {n} that looked benign {rated}", "of {n} that looked benign {rated}", n, rated=rated
        )
    return counted(
        "of {n} that looked malignant {rated}", "of {n} that looked malignant {rated}", n, rated=rated
    )


def _recognised(finding: Finding, n: int, of: int) -> Message:
    """How many of the nodules that were rated malignant the selected model, or the models, recognised."""
    if finding.model == "consensus":
        if of == 1:
            return Message("the models recognised it") if n else Message("the models did not recognise it")
        if n == 0:
            return Message("the models recognised none of them")
        if n == of:
            return Message("the models recognised all of them")
        return Message("the models recognised {n} of them", n=n)
    who: dict[str, Any] = {"model": finding.title}
    if of == 1:
        return (
            Message("{model} recognised it", **who) if n else Message("{model} did not recognise it", **who)
        )
    if n == 0:
        return Message("{model} recognised none of them", **who)
    if n == of:
        return Message("{model} recognised all of them", **who)
    return Message("{model} recognised {n} of them", n=n, **who)


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
