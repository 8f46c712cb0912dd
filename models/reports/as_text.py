"""A finding as lines for a terminal."""

from models.inference.finding import DISCLAIMER

WORDS = {"benign": "benign-looking", "malignant": "malignant-looking", "indeterminate": "indeterminate"}


def finding_as_text(finding):
    """Verdict, the five models' answers, size, warnings and the disclaimer."""
    lines = [
        f"{finding.title}: {WORDS[finding.verdict]}, probability {finding.probability:.2f} "
        f"(operating point {finding.threshold:.2f})"
    ]
    for answer in finding.models:
        said = "unavailable"
        if answer.probability is not None:
            said = f"{answer.probability:.2f}  {WORDS[answer.verdict]}"
        lines.append(f"  {answer.title:<13} {said}")
    lines += size_lines(finding.measurement)
    lines += [f"Warning: {notice.message}" for notice in finding.notices]
    return "\n".join([*lines, DISCLAIMER])


def size_lines(measurement):
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
