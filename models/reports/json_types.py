"""What the JSON interface answers: one definition, from which the answers and their OpenAPI schemas follow.

A field's order, type, bounds and description are those of the contract with programs; a description that
stands on a type holds wherever it is used.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from models.imaging.scan import SpacingSource
from models.imaging.side import Side
from models.inference.classifier import CONSENSUS
from models.inference.finding import Verdict
from models.inference.measurement.texture import Texture
from models.inference.optional_parts import PARTS
from models.inference.quality_warnings import ORDER
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES


def one_of(names: Iterable[str], description: str) -> Meta:
    """A text that is one of these names, which are known only when the app runs."""
    return Meta(description=description, extra_json_schema={"enum": list(names)})


def about(description: str) -> Meta:
    """A description alone."""
    return Meta(description=description)


def on_scale(name: str) -> Meta:
    """A descriptor on the scale on which LIDC's readers gave it."""
    low, high = DESCRIPTOR_SCALES[name]
    return Meta(ge=low, le=high, description=f"On LIDC's scale of {low} to {high}.")


MODEL_KEYS = (CONSENSUS, *ARCHITECTURES)
FIRST_PIXEL = "0-based; 0 is the middle of the first pixel."
SECTION = "0-based; null where it was not outlined."
RATED = about("Of them, rated as malignant by radiologists.")
AUC = "Area under the ROC curve on patients not used in training{}; null where it was not measured."

Positive = Annotated[float, Meta(gt=0)]
AtLeastZero = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=1)]
Coordinate = Annotated[float, Meta(ge=-0.5)]
Probability = Annotated[Share | None, about("Calibrated; of a malignant-looking rating, not of cancer.")]
Threshold = Annotated[Share, about("Operating point: malignant at or above it, unless indeterminate.")]
Length = Annotated[
    AtLeastZero | None,
    about("In its largest section, mm; null where it was not outlined or the spacing is not known."),
]
Point = Annotated[list[float], Meta(min_length=2, max_length=2), about("Row, then column.")]
Report = Annotated[dict[str, Any] | None, about("As the training wrote it; null where it wrote nothing.")]


class Exact(Struct, forbid_unknown_fields=True):
    """An object with exactly its fields."""


class ModelAnswer(Exact):
    """One model's answer; null where the model is unavailable, the probability as of the whole, too."""

    key: Annotated[str, one_of(ARCHITECTURES, "The model.")]
    verdict: Annotated[Verdict | None, about("As of the whole.")]
    probability: Probability
    threshold: Threshold | None


class Nodule(Exact):
    """Where the nodule is, in pixels of the uploaded image from the top left, and its size."""

    row: Annotated[Coordinate, about(FIRST_PIXEL)]
    col: Annotated[Coordinate, about(FIRST_PIXEL)]
    slice: Annotated[Count, about("0-based, feet to head; in a stack of pictures in their order.")]
    source: Annotated[
        str,
        one_of(
            ("given", "centre", "suggested"),
            "Who said so: the request, the centre of a crop, or a search.",
        ),
    ]
    long_axis_mm: Length
    short_axis_mm: Length
    mean_diameter_mm: Length
    equivalent_diameter_mm: Length
    largest_slice: Annotated[
        Count | None, about(f"The slice in which it is largest, and was read. {SECTION}")
    ]
    first_slice: Annotated[Count | None, about(f"The first that shows it. {SECTION}")]
    last_slice: Annotated[Count | None, about(f"The last that shows it. {SECTION}")]
    volume_mm3: Annotated[
        AtLeastZero | None,
        about("Over all slices that show it; null where slices are too thick, or their spacing is unknown."),
    ]
    volume_diameter_mm: Annotated[
        AtLeastZero | None, about("Of the sphere of that volume, mm; null without a volume.")
    ]
    solid_long_axis_mm: Annotated[
        AtLeastZero | None,
        about("Of what is denser than -300 HU in a part-solid nodule, mm; null for others and without HU."),
    ]
    side: Annotated[Side | None, about("The patient's lung; null where it is not known, as in pictures.")]
    mean_hu: Annotated[float | None, about("Mean HU within the outline; null where pixels are not HU.")]
    texture: Annotated[Texture | None, about("An impression; null where there is none.")]
    corrected: Annotated[bool, about("Whether a reader corrected the outline, and with it the sizes.")]
    outline: Annotated[
        Annotated[list[Point], Meta(min_length=3)] | None,
        about("Vertices of a polygon in the largest section; null without one."),
    ]


class Image(Exact):
    """What was read."""

    rows: Annotated[Size, about("Height in pixels.")]
    cols: Annotated[Size, about("Width in pixels.")]
    slices: Annotated[Size, about("Number of slices.")]
    spacing_mm: Annotated[Positive, about("mm per pixel, between rows.")]
    is_hu: Annotated[
        bool, about("Whether pixels are Hounsfield units, as DICOM's are, and not the greys of a picture.")
    ]
    spacing_assumed: Annotated[
        bool, about("Whether the spacing is a guess, since neither file nor request has it.")
    ]
    spacing_source: Annotated[
        SpacingSource,
        about("Where the spacing comes from: file, request, the width of the lungs, or 0.7 mm."),
    ]
    thickness_mm: Annotated[
        AtLeastZero | None, about("Thickness of a slice. In mm; null where it cannot be known.")
    ]
    slice_spacing_mm: Annotated[
        AtLeastZero | None,
        about("Median distance between adjacent slices. In mm; null where it cannot be known."),
    ]


class Warning(Exact):
    """A reason to trust the answer less, or something to know."""

    code: Annotated[str, one_of(ORDER, "For programs.")]
    message: Annotated[str, about("For people.")]


class Version(Exact):
    """What answered."""

    app: Annotated[str, about("Version of the app.")]
    weights: Annotated[str, about("Start of the checksum over the weights.")]


class Similar(Exact):
    """The nodules that trained the models and are most like this one."""

    ratings: Annotated[
        list[Annotated[Count, about("Readings.")]],
        Meta(
            min_length=5,
            max_length=5,
            description="How often their readers gave each malignancy rating, 1 to 5.",
        ),
    ]
    diameters_mm: Annotated[list[AtLeastZero], about("Of each, the most similar first.")]
    distance: Annotated[
        AtLeastZero, about("Of the nearest; 1: as far as training nodules usually are from each other.")
    ]
    farther_than: Annotated[Share, about("Share of the training nodules that are closer to others.")]
    is_unlike: Annotated[bool, about("Whether it is too far for the answer to be trusted.")]


class SameVerdict(Exact):
    """Of them, those that got this verdict; null where that is neither benign nor malignant."""

    nodules: Annotated[Count, about("All of them.")]
    malignant: Annotated[Count, RATED]
    share_low: Annotated[Share, about("Share of the latter, lower end of the exact 95 % interval.")]
    share_high: Annotated[Share, about("Share of the latter, upper end of the exact 95 % interval.")]


class Reliability(Exact):
    """What the verdict is worth for this size, counted on nodules that the models had not seen."""

    adds: Annotated[
        bool, about("Whether it changes the share of malignant-rated ones beyond its 95 % interval.")
    ]
    nodules: Annotated[Count, about("Unseen nodules of this size.")]
    malignant: Annotated[Count, RATED]
    recognised: Annotated[
        Count, about("Of the malignant-rated ones, those that the model asked for called malignant.")
    ]
    size_mm: Annotated[
        list[AtLeastZero | None],
        Meta(min_length=2, max_length=2),
        about("Long axis, from and up to, in mm; the last one null where there is no end."),
    ]
    same_verdict: SameVerdict | None


class Characteristics(Exact):
    """Descriptors as the radiologists of LIDC-IDRI rated them."""

    spiculation: Annotated[float, on_scale("spiculation")] | None
    lobulation: Annotated[float, on_scale("lobulation")] | None
    texture: Annotated[float, on_scale("texture")] | None
    margin: Annotated[float, on_scale("margin")] | None
    sphericity: Annotated[float, on_scale("sphericity")] | None
    calcification: Annotated[float, on_scale("calcification")] | None
    subtlety: Annotated[float, on_scale("subtlety")] | None


class Candidate(Exact):
    """A location that the search found, in pixels of the uploaded image from the top left."""

    row: Annotated[Coordinate, about(FIRST_PIXEL)]
    col: Annotated[Coordinate, about(FIRST_PIXEL)]
    slice: Annotated[Count, about("0-based, feet to head; in a stack of pictures in their order.")]
    score: Annotated[Share, about("Calibrated probability that a radiologist would mark it as a nodule.")]
    diameter_mm: Annotated[
        AtLeastZero | None, about("Of a circle as large as it appears; null where the spacing is not known.")
    ]


class Finding(Exact):
    """The answer on one nodule."""

    verdict: Annotated[
        Verdict,
        about(
            "indeterminate: the models can't tell, or say that a mass looks benign; no_nodule: none is "
            "recognised at the location, and what would be said of one is null unless anyway is 1."
        ),
    ]
    model: Annotated[str, one_of(MODEL_KEYS, "The model asked for.")]
    probability: Probability
    nodule_probability: Annotated[
        Share | None, about("That there is a nodule at the location; null where it is not known.")
    ]
    threshold: Threshold
    models: Annotated[
        list[ModelAnswer],
        Meta(min_length=len(ARCHITECTURES), max_length=len(ARCHITECTURES)),
        about("Always all five, in this order."),
    ]
    nodule: Nodule
    characteristics: Characteristics
    image: Image
    warnings: Annotated[list[Warning], about("Most important first.")]
    disclaimer: Annotated[str, about("To be shown with the answer.")]
    version: Version
    similar: Annotated[Similar | None, about("Null where it is not known.")]
    reliability: Annotated[
        Reliability | None, about("Null where the size is not known, and without a nodule.")
    ]
    candidates: Annotated[
        list[Candidate],
        about("All that the search found, the most probable first, which was read; empty with a location."),
    ]


class Series(Exact):
    """One of several series of an upload; null where the files do not say."""

    number: Annotated[Size, about("In this list; what the field series takes.")]
    uid: Annotated[str | None, about("SeriesInstanceUID; the field series takes it, too.")]
    slices: Annotated[Size, about("Number of slices.")]
    thickness_mm: Annotated[AtLeastZero | None, about("Thickness of a slice, mm.")]
    kernel: Annotated[str | None, about("Convolution kernel.")]
    description: Annotated[str | None, about("Series Description.")]


class StoredFile(Exact):
    """What became of a file that was sent to the PACS."""

    kind: Annotated[Literal["report", "segmentation", "picture"], about("SR, SEG or SC.")]
    outcome: Annotated[
        Literal["stored", "changed", "refused", "untold"],
        about("changed: stored, but not all as it was sent; untold: the PACS does not report it."),
    ]
    reason: Annotated[str, about("Failure or warning reason of DICOM PS3.18, hexadecimal; or empty.")]


class PacsReading(Exact):
    """The answer on a series of the PACS."""

    finding: Finding
    stored: Annotated[list[StoredFile], about("Empty where no nodule was recognised.")]


class ModelRow(Exact):
    """A model in a list of them."""

    key: Annotated[str, one_of(MODEL_KEYS, "The name for requests.")]
    title: Annotated[str, about("The name for people.")]
    citation: Annotated[str, about("The paper behind it.")]
    available: Annotated[bool, about("Whether it answers.")]
    problem: Annotated[str | None, about("Why it does not.")]
    auc: Annotated[Share | None, about(AUC.format(""))]
    auc_low: Annotated[Share | None, about(AUC.format(", lower end of the 95 % interval"))]
    auc_high: Annotated[Share | None, about(AUC.format(", upper end of the 95 % interval"))]


class Model(ModelRow):
    """A model."""

    report: Report
    evaluation: Report


class SharedEvaluation(Exact):
    """What was measured and is not about one model; null where it was not."""

    data: Report
    baselines: Report
    subgroups: Annotated[
        list[dict[str, Any]] | None, about("As the training wrote it; null where it wrote nothing.")
    ]
    diagnoses: Report
    robustness: Report


class Models(Exact):
    """What the models are and what they reached."""

    models: Annotated[
        list[Model],
        Meta(min_length=len(MODEL_KEYS), max_length=len(MODEL_KEYS)),
        about("The five, then the consensus."),
    ]
    evaluation: SharedEvaluation
    localiser: Report
    finder: Report
    recognition: Report
    disclaimer: Annotated[str, about("To be shown with the figures.")]


class Health(Exact):
    """Whether all models answer, and uploads can be decoded."""

    status: Annotated[Literal["ok", "unavailable"], about("unavailable: not all of that.")]
    unavailable: Annotated[
        dict[str, str],
        Meta(
            description="What does not work, and why; ok, too, for what is neither a model nor the decoder.",
            extra_json_schema={"propertyNames": {"enum": [*MODEL_KEYS, "decoder", *PARTS]}},
        ),
    ]
