"""A finding as lines for a terminal."""

from models.inference.finding import DISCLAIMER

WORDS = {"benign": "benign-looking", "malignant": "malignant-looking", "indeterminate": "indeterminate"}


def finding_as_text(finding):
    """Verdict, the five models' answers, warnings and the disclaimer."""
    lines = [
        f"{finding.title}: {WORDS[finding.verdict]}, probability {finding.probability:.2f} "
        f"(operating point {finding.threshold:.2f})"
    ]
    for answer in finding.models:
        said = "unavailable"
        if answer.probability is not None:
            said = f"{answer.probability:.2f}  {WORDS[answer.verdict]}"
        lines.append(f"  {answer.title:<13} {said}")
    lines += [f"Warning: {notice.message}" for notice in finding.notices]
    return "\n".join([*lines, DISCLAIMER])
