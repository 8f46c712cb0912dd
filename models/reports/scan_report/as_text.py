"""The report of a scan as text to copy into a report system, and its sentences for every view of it."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from models import __version__
from models.clinical.growth import Change, DoublingTime
from models.inference.finding import Earlier, Finding
from models.reports.as_text import WORDS
from models.reports.calculators import hints_of
from models.reports.comparison.as_text import days_text, signed
from models.reports.scan_report.contents import ScanReport

LIMITS = (
    "For research use only, not a medical device: sizes were measured automatically and need checking, "
    "nodules may be missed, and the probability is that radiologists would rate the nodule as suspicious, "
    "not that it is cancer."
)
SLICES = "Slices are counted from the feet."
UNKNOWN = "\u2013"
IN_ASCII = {
    **{"\u00d7": "x", "\u00b2": "2", "\u00b3": "3", "\u00b1": "+/-", "\u00b0": " deg"},
    **{"\u2212": "-", "\u2013": "-", "\u2014": "-", "\u2010": "-", "\u2011": "-"},
    **{"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."},
    **{"\u2264": "<=", "\u2265": ">=", "\u2192": "->", "\u00b7": "-", "\u00df": "ss", "\u00b5": "u"},
    **{"\u00c4": "Ae", "\u00d6": "Oe", "\u00dc": "Ue", "\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue"},
    **{"\u00e6": "ae", "\u00c6": "Ae", "\u00f8": "o", "\u00d8": "O", "\u0142": "l", "\u0141": "L"},
}


@dataclass(frozen=True)
class TableRow:
    """A finding in a table of all; what is not known is a dash, what was not compared is empty."""

    name: str
    side: str
    slice: str
    z: str
    kind: str
    size: str
    volume: str
    growth: str
    app: str


def report_as_text(report: ScanReport) -> str:
    """The report as lines, a paragraph a finding, and the app's limits in one sentence at the end."""
    lines = [f"Lung nodules, read with Lung nodule classifier {__version__}.{_slices_note(report)}"]
    for each in report.findings:
        lines += ["", f"{each.finding.name}{_leading(each.finding)}: {paragraph(each.finding)}"]
        lines += [f"{result.title}: {result.answer}" for result in each.calculated]
    return "\n".join([*lines, "", LIMITS]) + "\n"


def plain_ascii(text: str) -> str:
    """A text in ASCII, for report systems that know no other characters; what has no such form is ``?``."""
    text = "".join(IN_ASCII.get(character, character) for character in text)
    parts = unicodedata.normalize("NFKD", text)
    bare = "".join(part for part in parts if not unicodedata.combining(part))
    return bare.encode("ascii", "replace").decode()


def paragraph(finding: Finding) -> str:
    """What the report says of a finding, but for its name and what was calculated."""
    where = location_text(finding)
    if finding.verdict == "no_nodule":
        return f"{where}: {app_text(finding)}."
    compared = "" if finding.earlier is None else f"{_compared(finding.earlier)} "
    return f"{where}: {what_text(finding)}. {compared}App: {app_text(finding)}."


def location_text(finding: Finding) -> str:
    """Side, slice and z, as far as they are known; in a single slice, row and column."""
    scan, roi = finding.scan, finding.reading.roi
    parts = [f"{finding.reading.side} lung"] if finding.reading.side else []
    z = "" if scan.positions_mm is None else f"z {_z_text(finding)}"
    if len(scan.slices) > 1:
        parts.append(f"slice {_slice_text(finding)}" + (f" ({z})" if z else ""))
    else:
        parts += [z, f"row {roi.row:.0f}", f"column {roi.col:.0f}"]
    return ", ".join(filter(None, parts))


def what_text(finding: Finding) -> str:
    """What it is and how large: ``solid nodule, 12.3 × 9.1 mm (mean 10.7 mm), volume 640 mm³``."""
    found = finding.reading.measurement
    parts = [kind_text(finding)]
    if found is None:
        parts.append("not outlined and so not measured")
    elif found.long_axis_mm is None:
        parts.append("size not known, because the pixel size is not")
    else:
        parts.append(size_text(finding))
        if found.solid_long_axis_mm is not None:
            parts.append(f"solid part {found.solid_long_axis_mm:.1f} mm long")
        if found.volume_mm3 is not None:
            parts.append(f"volume {found.volume_mm3:.0f} mm\u00b3")
    if finding.reading.corrected:
        parts.append("outline corrected by the reader")
    return ", ".join(parts)


def kind_text(finding: Finding) -> str:
    """Nodule or mass, and what it looks like, where density and models' descriptor do not contradict."""
    noun = "mass" if finding.is_mass else "nodule"
    kinds = hints_of(finding).get("nodule_type")
    if not kinds:
        return noun
    if kinds["disagree"]:
        return f"{noun} ({kinds['density']} by density, {kinds['models']} by the models)"
    kind = kinds["density"] or kinds["models"]
    return f"{'ground-glass' if kind == 'ground glass' else kind} {noun}"


def size_text(finding: Finding) -> str:
    """Long and short axis with their mean; a dash where they are not known."""
    found = finding.reading.measurement
    if found is None or found.long_axis_mm is None:
        return UNKNOWN
    axes = f"{found.long_axis_mm:.1f} \u00d7 {found.short_axis_mm:.1f} mm"
    return f"{axes} (mean {found.mean_diameter_mm:.1f} mm)"


def app_text(finding: Finding) -> str:
    """What the app says of it."""
    said = WORDS[finding.headline]
    if finding.verdict == "no_nodule":
        there = finding.nodule_probability
        return said if there is None else f"{said}, probability that there is a nodule {there:.2f}"
    if finding.probability is None:
        return said
    who = "consensus" if finding.model == "consensus" else finding.title
    return f"{said}, probability {finding.probability:.2f} ({who})"


def table_row(finding: Finding) -> TableRow:
    """A finding as a row of a table."""
    found, is_nodule = finding.reading.measurement, finding.verdict != "no_nodule"
    volume = None if found is None else found.volume_mm3
    probability = "" if finding.probability is None else f", {finding.probability:.2f}"
    return TableRow(
        name=finding.name,
        side=finding.reading.side or UNKNOWN,
        slice=_slice_text(finding),
        z=_z_text(finding),
        kind=kind_text(finding) if is_nodule else UNKNOWN,
        size=size_text(finding),
        volume=UNKNOWN if volume is None else f"{volume:.0f} mm\u00b3",
        growth=_in_short(finding.earlier),
        app=f"{'mass' if finding.headline == 'mass' else WORDS[finding.verdict]}{probability}",
    )


def _slice_text(finding: Finding) -> str:
    return f"{finding.reading.roi.slice + 1} of {len(finding.scan.slices)}"


def _z_text(finding: Finding) -> str:
    positions = finding.scan.positions_mm
    if positions is None:
        return UNKNOWN
    return f"{signed(positions[finding.reading.roi.slice], 1).lstrip('+')} mm"


def _compared(earlier: Earlier) -> str:
    """What became of it since an earlier CT, in one sentence."""
    if earlier.growth is None:
        return "Not found on the earlier CT: it may be new."
    growth, changes = earlier.growth, []
    if growth.long_axis is not None:
        changes.append(f"long axis {signed(growth.long_axis.difference, 1)} mm{_error(growth.long_axis)}")
    if growth.volume is not None:
        changes.append(f"volume {signed(growth.volume.percent)} %{_error(growth.volume)}")
    if growth.doubling_time is not None:
        changes += _doubling(growth.doubling_time)
    days = "" if not growth.days else f" {days_text(growth.days)} before"
    return f"Compared with the earlier CT{days}: {', '.join(changes) or 'the change of size is not known'}."


def _in_short(earlier: Earlier | None) -> str:
    if earlier is None:
        return ""
    if earlier.growth is None:
        return "not found before"
    volume, diameter = earlier.growth.volume, earlier.growth.mean_diameter
    if volume is not None:
        return f"volume {signed(volume.percent)} %"
    return UNKNOWN if diameter is None else f"mean diameter {signed(diameter.difference, 1)} mm"


def _error(change: Change) -> str:
    if change.within_error is None:
        return " (measurement error not known)"
    return f" ({'within' if change.within_error else 'beyond'} measurement error)"


def _doubling(time: DoublingTime) -> Iterator[str]:
    """The volume doubling time, where there is one; not said without its interval where growth is unsure."""
    if time.days is None:
        return
    said = f"VDT {days_text(time.days)}"
    if time.basis == "diameter":
        said += " by the diameter"
    if time.low is not None:
        upto = "no upper limit" if time.high is None else f"{time.high:,.0f}"
        said += f" (95 % interval {time.low:,.0f} to {upto})"
    yield said


def _leading(finding: Finding) -> str:
    return " (leading finding)" if finding.is_leading else ""


def _slices_note(report: ScanReport) -> str:
    return f" {SLICES}" if report.scan.positions_mm is not None and len(report.scan.slices) > 1 else ""
