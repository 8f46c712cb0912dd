"""The forms of the reports in weights/: what the application takes from them, typed; they may say more.

A file's form is called ``…Report``, what stands in it by what it is. A field that may be missing is written
``= UNSET``, one that may be null has None among its types. `Numbers` are figures that were measured, by name:
a page shows them, or a dash where one is null.
"""

from typing import Annotated, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from models.weights import Checksum

Number = Annotated[float, Meta(ge=-1e9, le=1e9)]  # and so finite
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Numbers = dict[str, Number | None]
Figure = Number | None | UnsetType
Counted = Count | None | UnsetType
Name = Annotated[str, Meta(min_length=1)]
Filters = Annotated[list[Annotated[int, Meta(ge=1, le=1024)]], Meta(min_length=2, max_length=8)]
Pair = Annotated[list[Number | None], Meta(min_length=2, max_length=2)]

Result = TypeVar("Result")


class ByModel(Struct, Generic[Result]):
    """The same result of the consensus and the five."""

    consensus: Result | UnsetType = UNSET
    vgg16: Result | UnsetType = UNSET
    vgg19: Result | UnsetType = UNSET
    resnet: Result | UnsetType = UNSET
    alexnet: Result | UnsetType = UNSET
    efficientnet: Result | UnsetType = UNSET


class Coefficients(Struct):
    """As `models.inference.calibration.Calibration`."""

    a: Number
    b: Number
    intercept: Number


class AbstentionRule(Struct):
    """As `models.inference.calibration.Abstention`."""

    intercept: Number
    distance: Number
    disagreement: Number
    limit: Share


class Training(Struct):
    """How a network was trained."""

    everyone: bool | UnsetType = UNSET


class ConsensusReport(Struct):
    """``consensus.json``; thresholds and abstention come with the evaluation."""

    calibration: Coefficients
    threshold: Share | UnsetType = UNSET
    high_sensitivity_threshold: Share | UnsetType = UNSET
    abstention: AbstentionRule | UnsetType = UNSET
    training: Training | UnsetType = UNSET


class ModelReport(ConsensusReport, kw_only=True):
    """``<key>.json`` of a classifier."""

    sha256: Checksum


class SizeError(Struct):
    """How far a size is off."""

    median: Figure = UNSET
    bias: Figure = UNSET
    limits: Pair | None | UnsetType = UNSET


class OutlineResults(Struct):
    """How well nodules are outlined."""

    dice: Figure = UNSET
    diameter_error_mm: SizeError | None | UnsetType = UNSET
    long_axis_error_mm: SizeError | None | UnsetType = UNSET
    short_axis_error_mm: SizeError | None | UnsetType = UNSET
    mean_diameter_error_mm: SizeError | None | UnsetType = UNSET
    mean_hu_error: SizeError | None | UnsetType = UNSET


class LocaliserResults(OutlineResults, kw_only=True):
    """What was measured of the localiser on a group of nodules."""

    nodules: Counted = UNSET
    patients: Counted = UNSET
    readers: OutlineResults | None | UnsetType = UNSET


class LocaliserReport(Struct):
    """``localiser.json``."""

    sha256: Checksum
    filters: Filters | UnsetType = UNSET
    measured: dict[Name, LocaliserResults] | UnsetType = UNSET


class FinderThresholds(Struct):
    """Least probability of a candidate, see `models.inference.detection.finder.Finder`."""

    series: Share
    picture: Share


class FinderCalibration(Struct):
    """Coefficients of `models.inference.detection.finder.probability`."""

    intercept: Number
    finder: Number
    judge: Number
    log_diameter: Number
    long: Number
    ends: Number


class FrocPoint(Struct):
    """Nodules found with so many false marks a scan."""

    false_marks: Number
    found: Count
    low: Share
    high: Share


class FoundOfSize(Struct):
    """Nodules of a size, and how many of them are found at the shipped threshold."""

    size_mm: Pair
    nodules: Count
    found: Count


class FinderInSeries(Struct):
    """What was measured on whole series of patients who trained nothing."""

    scans: Count
    healthy: Count
    nodules: Count
    found: Count
    false_marks: Count
    false_marks_healthy: Count
    froc: list[FrocPoint]
    sizes: list[FoundOfSize]


class MarkedPictures(Struct):
    """How many single pictures of a kind have a mark, and the exact 95 % interval of the share."""

    n: Count
    marked: Count
    low: Share
    high: Share


class FinderResults(Struct):
    """What was measured of the finder."""

    series: FinderInSeries | UnsetType = UNSET
    pictures: dict[Literal["normal", "malignant"], MarkedPictures] | UnsetType = UNSET


class FinderReport(Struct):
    """``finder.json``."""

    sha256: Checksum
    judge_sha256: Checksum
    thresholds: FinderThresholds
    calibration: dict[Literal["series", "picture"], FinderCalibration]
    measured: FinderResults | UnsetType = UNSET


class SizeAgreement(Struct):
    """How far one size is off; of a volume a share of it, of lengths in mm."""

    median: Number
    limits: Annotated[list[Number], Meta(min_length=2, max_length=2)]
    median_interval: Pair | UnsetType = UNSET
    p95: Figure = UNSET
    bias: Figure = UNSET


class ClickResults(Struct):
    """Of nodules that several slices show, how many change with the slice that is clicked."""

    nodules: Count
    changed: Count


class SizesResults(Struct):
    """How far sizes of a group of nodules lie from the readers'."""

    nodules: Count
    patients: Count
    not_outlined: Share
    errors: dict[Name, SizeAgreement | None]
    readers: dict[Name, SizeAgreement | None]
    clicks: ClickResults


class SizesOfSize(SizesResults, kw_only=True):
    """Of nodules of one size, by the readers' diameter."""

    size_mm: Pair


class SizesOfTexture(SizesResults, kw_only=True):
    """Of nodules of one texture, by the readers' rating."""

    texture: Name


class VolumesReport(Struct):
    """``volumes.json``: axes and volume against the readers' outlines."""

    unseen: bool
    all: SizesResults
    sizes: list[SizesOfSize]
    textures: list[SizesOfTexture]


class RecognitionThresholds(Struct):
    """Least probability of a nodule, where one is outlined and where none is."""

    outlined: Share
    not_outlined: Share


class RecognitionByKind(Struct):
    """Of a stack of slices, and of one that stands alone."""

    series: RecognitionThresholds
    picture: RecognitionThresholds


class RecognitionReport(Struct):
    """``recognition.json``; below its threshold a location shows no nodule."""

    sha256: Checksum
    thresholds: RecognitionByKind


class VerdictAtSize(Struct):
    """As `models.inference.reliability.SameVerdict`."""

    nodules: Count
    malignant: Count
    low: Share
    high: Share
    adds: bool


class VerdictsAtSize(Struct):
    """Verdicts on nodules of one size; see `models.inference.reliability.Reliability`."""

    size_mm: Pair
    nodules: Count
    malignant: Count
    recognised: Count
    verdicts: dict[Literal["benign", "malignant"], VerdictAtSize]


class ReliabilityReport(Struct):
    """``reliability.json``: by model."""

    models: ByModel[list[VerdictsAtSize]]


class Proportion(Struct):
    """A share, its 95 % interval and of how many."""

    value: Number | None
    low: Number | None
    high: Number | None
    n: Count


class UnseenNodules(Struct):
    """How often unseen nodules are called unlike the training data."""

    all: Proportion | UnsetType = UNSET


class RatingAgreement(Struct):
    """How far the ratings of similar cases agree with those of a nodule."""

    n: Count
    spearman: Numbers
    auc: Numbers
    mean_difference: Number | None


class CasesResults(Struct):
    """What the distance to similar cases is worth."""

    unseen: UnseenNodules | UnsetType = UNSET
    ways: dict[str, Proportion] | UnsetType = UNSET
    made: dict[str, Proportion] | UnsetType = UNSET
    agreement: RatingAgreement | UnsetType = UNSET


class CasesReport(Struct):
    """``cases.json``."""

    sha256: Checksum
    weights: Annotated[dict[str, Checksum], Meta(min_length=1)]
    threshold: Number
    measured: CasesResults | UnsetType = UNSET


class SaliencyResults(Struct):
    """How a model is explained, and how well; the consensus has no method and no layer of its own."""

    method: str | None
    layer: str | None
    pointing: Numbers | None | UnsetType = UNSET
    deletion: Figure = UNSET
    insertion: Figure = UNSET
    turned: Numbers | None | UnsetType = UNSET
    seconds_ratio: Figure = UNSET


class SaliencyReport(Struct):
    """``saliency.json``."""

    models: dict[str, SaliencyResults]
