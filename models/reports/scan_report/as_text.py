"""The report of a scan as text to copy into a report system, and its sentences for every view of it."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from models import __version__
from models.clinical.growth import Change, DoublingTime
from models.inference.finding import Earlier, Finding
from models.messages import ENGLISH, Language, Message, joined
from models.reports.as_text import WORDS
from models.reports.calculators import hints_of
from models.reports.comparison.as_text import days_text, decimal, signed
from models.reports.scan_report.contents import ScanReport

PRODUCT = Message("Lung nodule classifier")
LIMITS = Message(
    "For research use only, not a medical device: sizes were measured automatically and need checking, "
    "nodules may be missed, and the probability is that radiologists would rate the nodule as suspicious, "
    "not that it is cancer."
)
UNKNOWN, NOTHING = joined("", ["\u2013"]), joined("", [])
SIDES = {"right": Message("right"), "left": Message("left")}
LUNGS = {"right": Message("right lung"), "left": Message("left lung")}
TEXTURES = {
    "solid": Message("solid"),
    "part-solid": Message("part-solid"),
    "ground glass": Message("ground glass"),
}
NODULES = {
    None: Message("nodule"),
    "solid": Message("solid nodule"),
    "part-solid": Message("part-solid nodule"),
    "ground glass": Message("ground-glass nodule"),
}
MASSES = {
    None: Message("mass"),
    "solid": Message("solid mass"),
    "part-solid": Message("part-solid mass"),
    "ground glass": Message("ground-glass mass"),
}
IN_ASCII = {
    **{"\u00d7": "x", "\u00b2": "2", "\u00b3": "3", "\u00b1": "+/-", "\u00b0": " deg"},
    **{"\u2212": "-", "\u2013": "-", "\u2014": "-", "\u2010": "-", "\u2011": "-"},
    **{"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'},
    **{"\u2026": "..."},
    **{"\u2264": "<=", "\u2265": ">=", "\u2192": "->", "\u00b7": "-", "\u00df": "ss", "\u00b5": "u"},
    **{"\u00c4": "Ae", "\u00d6": "Oe", "\u00dc": "Ue", "\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue"},
    **{"\u00e6": "ae", "\u00c6": "Ae", "\u00f8": "o", "\u00d8": "O", "\u0142": "l", "\u0141": "L"},
}


@dataclass(frozen=True)
class TableRow:
    """A finding in a table of all; what is not known is a dash, what was not compared is empty."""

    name: str
    side: Message
    slice: Message
    z: Message
    kind: Message
    size: Message
    volume: Message
    growth: Message
    app: Message


def report_as_text(report: ScanReport, language: Language = ENGLISH) -> str:
    """The report as lines in a language: a paragraph a finding, the app's limits in one sentence at the end.

    What was calculated is in the language already.
    """
    say = language.say
    lines = [say(_first_line(report))]
    for each in report.findings:
        said = say(paragraph(each.finding))
        lines += ["", f"{say(_heading(each.finding))}: {said}"]
        lines += [f"{result.title}: {result.answer}" for result in each.calculated]
    return "\n".join([*lines, "", say(LIMITS)]) + "\n"


def plain_ascii(text: str) -> str:
    """A text in ASCII, for report systems that know no other characters; what has no such form is ``?``."""
    text = "".join(IN_ASCII.get(character, character) for character in text)
    parts = unicodedata.normalize("NFKD", text)
    bare = "".join(part for part in parts if not unicodedata.combining(part))
    return bare.encode("ascii", "replace").decode()


def paragraph(finding: Finding) -> Message:
    """What the report says of a finding, but for its name and what was calculated."""
    where, app = location_text(finding), app_text(finding)
    if finding.verdict == "no_nodule":
        return joined("", [where, ": ", app, "."])
    what = what_text(finding)
    if finding.earlier is None:
        return Message("{where}: {what}. App: {app}.", where=where, what=what, app=app)
    compared = _compared(finding.earlier)
    return Message(
        "{where}: {what}. {compared} App: {app}.", where=where, what=what, compared=compared, app=app
    )


def location_text(finding: Finding) -> Message:
    """Side, slice and z, as far as they are known; in a single slice, row and column."""
    scan, roi = finding.scan, finding.reading.roi
    parts = [LUNGS[finding.reading.side]] if finding.reading.side else []
    if len(scan.slices) > 1:
        at, n = roi.slice + 1, len(scan.slices)
        if scan.positions_mm is None:
            parts.append(Message("slice {slice} of {n}", slice=at, n=n))
        else:
            parts.append(Message("slice {slice} of {n} (z {z})", slice=at, n=n, z=_z_text(finding)))
    else:
        if scan.positions_mm is not None:
            parts.append(joined(" ", ["z", _z_text(finding)]))
        parts += [Message("row {row:.0f}", row=roi.row), Message("column {col:.0f}", col=roi.col)]
    return joined(", ", parts)


def what_text(finding: Finding) -> Message:
    """What it is and how large: ``solid nodule, 12.3 × 9.1 mm (mean 10.7 mm), volume 640 mm³``."""
    found = finding.reading.measurement
    parts = [kind_text(finding)]
    if found is None:
        parts.append(Message("not outlined and so not measured"))
    elif found.long_axis_mm is None:
        parts.append(Message("size not known, because the pixel size is not"))
    else:
        parts.append(size_text(finding))
        if found.solid_long_axis_mm is not None:
            parts.append(Message("solid part {mm:.1f} mm long", mm=found.solid_long_axis_mm))
        if found.volume_mm3 is not None:
            parts.append(Message("volume {mm3:.0f} mm\u00b3", mm3=found.volume_mm3))
    if finding.reading.corrected:
        parts.append(Message("outline corrected by the reader"))
    return joined(", ", parts)


def kind_text(finding: Finding) -> Message:
    """Nodule or mass, and what it looks like, where density and models' descriptor do not contradict."""
    kinds = hints_of(finding).get("nodule_type")
    if kinds and kinds["disagree"]:
        density, models = TEXTURES[kinds["density"]], TEXTURES[kinds["models"]]
        if finding.is_mass:
            return Message(
                "mass ({density} by density, {models} by the models)", density=density, models=models
            )
        return Message(
            "nodule ({density} by density, {models} by the models)", density=density, models=models
        )
    kind = (kinds["density"] or kinds["models"]) if kinds else None
    return (MASSES if finding.is_mass else NODULES)[kind]


def size_text(finding: Finding) -> Message:
    """Long and short axis with their mean; a dash where they are not known."""
    found = finding.reading.measurement
    if found is None or found.long_axis_mm is None:
        return UNKNOWN
    return Message(
        "{long:.1f} \u00d7 {short:.1f} mm (mean {mean:.1f} mm)",
        long=found.long_axis_mm,
        short=found.short_axis_mm,
        mean=found.mean_diameter_mm,
    )


def app_text(finding: Finding) -> Message:
    """What the app says of it."""
    said = WORDS[finding.headline]
    if finding.verdict == "no_nodule":
        there = finding.nodule_probability
        if there is None:
            return said
        return Message(
            "{verdict}, probability that there is a nodule {probability:.2f}", verdict=said, probability=there
        )
    if finding.probability is None:
        return said
    who = Message("consensus") if finding.model == "consensus" else finding.title
    return Message(
        "{verdict}, probability {probability:.2f} ({model})",
        verdict=said,
        probability=finding.probability,
        model=who,
    )


def table_row(finding: Finding) -> TableRow:
    """A finding as a row of a table."""
    found, is_nodule = finding.reading.measurement, finding.verdict != "no_nodule"
    volume = None if found is None else found.volume_mm3
    app = MASSES[None] if finding.headline == "mass" else WORDS[finding.verdict]
    if finding.probability is not None:
        app = joined(", ", [app, decimal(finding.probability, 2)])
    roi, n = finding.reading.roi, len(finding.scan.slices)
    return TableRow(
        name=finding.name,
        side=SIDES[finding.reading.side] if finding.reading.side else UNKNOWN,
        slice=Message("{slice} of {n}", slice=roi.slice + 1, n=n),
        z=_z_text(finding),
        kind=kind_text(finding) if is_nodule else UNKNOWN,
        size=size_text(finding),
        volume=UNKNOWN if volume is None else joined(" ", [decimal(volume), "mm\u00b3"]),
        growth=_in_short(finding.earlier),
        app=app,
    )


def _first_line(report: ScanReport) -> Message:
    if report.scan.positions_mm is not None and len(report.scan.slices) > 1:
        return Message(
            "Lung nodules, read with {product} {version}. Slices are counted from the feet.",
            product=PRODUCT,
            version=__version__,
        )
    return Message("Lung nodules, read with {product} {version}.", product=PRODUCT, version=__version__)


def _heading(finding: Finding) -> Message:
    if finding.is_leading:
        return Message("{name} (leading finding)", name=finding.name)
    return joined("", [finding.name])


def _z_text(finding: Finding) -> Message:
    positions = finding.scan.positions_mm
    if positions is None:
        return UNKNOWN
    return joined(" ", [decimal(positions[finding.reading.roi.slice], 1), "mm"])


def _compared(earlier: Earlier) -> Message:
    """What became of it since an earlier CT, in one sentence."""
    growth = earlier.growth
    if growth is None:
        return Message("Not found on the earlier CT: it may be new.")
    changes = []
    if growth.long_axis is not None:
        change, error = signed(growth.long_axis.difference, 1), _error(growth.long_axis)
        changes.append(Message("long axis {change} mm ({error})", change=change, error=error))
    if growth.volume is not None:
        change, error = signed(growth.volume.percent), _error(growth.volume)
        changes.append(Message("volume {change} % ({error})", change=change, error=error))
    if growth.doubling_time is not None:
        changes += _doubling(growth.doubling_time)
    what = joined(", ", changes) if changes else Message("the change of size is not known")
    if not growth.days:
        return Message("Compared with the earlier CT: {changes}.", changes=what)
    return Message(
        "Compared with the earlier CT {days} before: {changes}.", days=days_text(growth.days), changes=what
    )


def _in_short(earlier: Earlier | None) -> Message:
    if earlier is None:
        return NOTHING
    if earlier.growth is None:
        return Message("not found before")
    volume, diameter = earlier.growth.volume, earlier.growth.mean_diameter
    if volume is not None:
        return Message("volume {change} %", change=signed(volume.percent))
    if diameter is None:
        return UNKNOWN
    return Message("mean diameter {change} mm", change=signed(diameter.difference, 1))


def _error(change: Change) -> Message:
    if change.within_error is None:
        return Message("measurement error not known")
    return Message("within measurement error") if change.within_error else Message("beyond measurement error")


def _doubling(time: DoublingTime) -> Iterator[Message]:
    """The volume doubling time, where there is one; not said without its interval where growth is unsure."""
    if time.days is None:
        return
    days, is_volume = days_text(time.days), time.basis == "volume"
    if time.low is None:
        yield (
            Message("VDT {days}", days=days)
            if is_volume
            else Message("VDT {days} by the diameter", days=days)
        )
    elif time.high is None:
        yield (
            Message("VDT {days} (95 % interval {low:,.0f} to no upper limit)", days=days, low=time.low)
            if is_volume
            else Message(
                "VDT {days} by the diameter (95 % interval {low:,.0f} to no upper limit)",
                days=days,
                low=time.low,
            )
        )
    else:
        yield (
            Message(
                "VDT {days} (95 % interval {low:,.0f} to {high:,.0f})",
                days=days,
                low=time.low,
                high=time.high,
            )
            if is_volume
            else Message(
                "VDT {days} by the diameter (95 % interval {low:,.0f} to {high:,.0f})",
                days=days,
                low=time.low,
                high=time.high,
            )
        )
