"""The forms of the reports in weights/: what the application takes from them, typed; they may say more.

A field that may be missing is written ``= UNSET``, one that may be null has None among its types. `Numbers`
are figures that were measured, by name: a page shows them, or a dash where one is null.
"""

from typing import Annotated, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from models.trained import Checksum

Number = Annotated[float, Meta(ge=-1e9, le=1e9)]  # and so finite
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Numbers = dict[str, Number | None]
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


class CalibrationReport(Struct):
    """As `models.inference.calibration.Calibration`."""

    a: Number
    b: Number
    intercept: Number


class AbstentionReport(Struct):
    """As `models.inference.calibration.Abstention`."""

    intercept: Number
    distance: Number
    spread: Number
    limit: Share


class Trained(Struct):
    """How a network was trained."""

    everyone: bool | UnsetType = UNSET


class ConsensusReport(Struct):
    """``consensus.json``; thresholds and abstention come with the evaluation."""

    calibration: CalibrationReport
    threshold: Share | UnsetType = UNSET
    high_sensitivity_threshold: Share | UnsetType = UNSET
    abstention: AbstentionReport | UnsetType = UNSET
    training: Trained | UnsetType = UNSET


class ModelReport(ConsensusReport, kw_only=True):
    """``<key>.json`` of a classifier."""

    sha256: Checksum


class Candidates(Struct):
    """Least scores of candidates, see `models.inference.detection.localiser.Localiser`."""

    whole: Share
    part: Share


class Found(Struct):
    """How often a nodule is found."""

    top_1: Number | None | UnsetType = UNSET
    top_3: Number | None | UnsetType = UNSET
    top_1_interval: Pair | None | UnsetType = UNSET
    top_3_interval: Pair | None | UnsetType = UNSET
    false_positives: Number | None | UnsetType = UNSET


class SizeError(Struct):
    """How far a size is off."""

    median: Number | None | UnsetType = UNSET
    bias: Number | None | UnsetType = UNSET
    limits: Pair | None | UnsetType = UNSET


class Outlined(Struct):
    """How well nodules are outlined."""

    dice: Number | None | UnsetType = UNSET
    diameter_error_mm: SizeError | None | UnsetType = UNSET
    long_axis_error_mm: SizeError | None | UnsetType = UNSET
    short_axis_error_mm: SizeError | None | UnsetType = UNSET
    mean_diameter_error_mm: SizeError | None | UnsetType = UNSET
    mean_hu_error: SizeError | None | UnsetType = UNSET


class FoundAndOutlined(Outlined, kw_only=True):
    """What was measured of the localiser on a group of nodules."""

    nodules: Count | None | UnsetType = UNSET
    patients: Count | None | UnsetType = UNSET
    part: Found | None | UnsetType = UNSET
    whole: Found | None | UnsetType = UNSET
    readers: Outlined | None | UnsetType = UNSET


class LocaliserReport(Struct):
    """``localiser.json``."""

    sha256: Checksum
    thresholds: Candidates
    filters: Filters | UnsetType = UNSET
    measured: dict[Name, FoundAndOutlined] | UnsetType = UNSET


class RecognitionThresholds(Struct):
    """Least probability of a nodule, where one is outlined and where none is."""

    outlined: Share
    not_outlined: Share


class RecognitionReport(Struct):
    """``recognition.json``; below its threshold a location shows no nodule."""

    sha256: Checksum
    thresholds: RecognitionThresholds


class SameVerdictReport(Struct):
    """As `models.inference.reliability.SameVerdict`."""

    nodules: Count
    malignant: Count
    low: Share
    high: Share
    adds: bool


class AtSize(Struct):
    """Verdicts on nodules of one size; see `models.inference.reliability.Reliability`."""

    size_mm: Pair
    nodules: Count
    malignant: Count
    recognised: Count
    verdicts: dict[Literal["benign", "malignant"], SameVerdictReport]


class ReliabilityReport(Struct):
    """``reliability.json``: by model and by how nodules were read."""

    models: ByModel[dict[Literal["stack", "middle"], list[AtSize]]]


class Proportion(Struct):
    """A share, its 95 % interval and of how many."""

    value: Number | None
    low: Number | None
    high: Number | None
    n: Count


class Unseen(Struct):
    """How often unseen nodules are called unlike the training data."""

    all: Proportion | UnsetType = UNSET


class Agreement(Struct):
    """How far neighbours agree with a nodule."""

    n: Count
    spearman: Numbers
    auc: Numbers
    mean_difference: Number | None


class CasesMeasured(Struct):
    """What the distance to similar cases is worth."""

    unseen: Unseen | UnsetType = UNSET
    ways: dict[str, Proportion] | UnsetType = UNSET
    made: dict[str, Proportion] | UnsetType = UNSET
    agreement: Agreement | UnsetType = UNSET


class CasesReport(Struct):
    """``cases.json``."""

    sha256: Checksum
    weights: Annotated[dict[str, Checksum], Meta(min_length=1)]
    threshold: Number
    measured: CasesMeasured | UnsetType = UNSET


class Explained(Struct):
    """How a model is explained, and how well; the consensus has no method and no layer of its own."""

    method: str | None
    layer: str | None
    pointing: Numbers | None | UnsetType = UNSET
    deletion: Number | None | UnsetType = UNSET
    insertion: Number | None | UnsetType = UNSET
    turned: Numbers | None | UnsetType = UNSET
    seconds_ratio: Number | None | UnsetType = UNSET


class SaliencyReport(Struct):
    """``saliency.json``."""

    models: dict[str, Explained]
