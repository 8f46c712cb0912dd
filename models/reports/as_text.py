"""A finding as lines for a terminal, and the sentence on what it is worth for every view of it."""

from models.inference.finding import DISCLAIMER, Finding

WORDS = {
    "benign": "benign-looking",
    "malignant": "malignant-looking",
    "indeterminate": "indeterminate",
    "no_nodule": "no nodule recognised here",
    "mass": "a mass: suspicious by its size, whatever the models say",
    "benign_as_most": "benign-looking, as most of this size are (the models add nothing here)",
    "malignant_as_most": "malignant-looking, as most of this size are (the models add nothing here)",
    "benign_for_nothing": "benign-looking, but at this size that says nothing",
    "malignant_for_nothing": "malignant-looking, but at this size that says nothing",
}


def finding_as_text(finding):
    """Verdict and what it is worth, the five models' answers, size, warnings and the disclaimer."""
    lines = [_first_line(finding)]
    if finding.verdict == "no_nodule" and finding.nodule_probability is not None:
        lines.append(f"  Probability that there is a nodule: {finding.nodule_probability:.2f}")
    if worth := worth_line(finding):
        lines.append(worth)
    if finding.probability is not None:
        lines += [_model_line(answer) for answer in finding.models]
    lines += size_lines(finding.measurement)
    lines += [f"Warning: {notice.message}" for notice in finding.notices]
    return "\n".join([*lines, DISCLAIMER])


def worth_line(finding: Finding) -> str | None:
    """What the verdict is worth for a nodule of this size, in one sentence; None where that is not known."""
    worth = finding.reliability
    if worth is None:
        return None
    who = "the models" if finding.model == "consensus" else finding.title
    said = f"Of {_counted(worth.nodules)} {_of_size(*worth.size_mm)} {_were(worth.malignant)} rated malignant"
    if worth.malignant:
        said += f"; {who} {_recognised(worth.recognised, worth.malignant)}"
    if worth.same is None:
        return f"{said}."
    if not worth.adds:
        return f"{said}: at this size a {finding.verdict} look says nothing more than the size does."
    same = f"of {worth.same.nodules} that looked {finding.verdict} {_were(worth.same.malignant)}"
    return f"{said}; {same}: at this size a {finding.verdict} look says more than the size does."


def _first_line(finding):
    line = f"{finding.title}: {WORDS[finding.headline]}"
    if finding.probability is None:
        return line
    return f"{line}, probability {finding.probability:.2f} (operating point {finding.threshold:.2f})"


def _model_line(answer):
    said = "unavailable"
    if answer.probability is not None:
        said = f"{answer.probability:.2f}  {WORDS[answer.verdict]}"
    return f"  {answer.title:<13} {said}"


def _counted(n):
    return "1 nodule" if n == 1 else f"{n} nodules"


def _of_size(low, high):
    if high is None:
        return f"above {low:g} mm"
    return f"of {low:g} to {high:g} mm" if low else f"below {high:g} mm"


def _were(n):
    return {0: "none was", 1: "1 was"}.get(n, f"{n} were")


def _recognised(n, of):
    if of == 1:
        return "recognised it" if n else "did not recognise it"
    return f"recognised {'none' if n == 0 else 'all' if n == of else n} of them"


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
