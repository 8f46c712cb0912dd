"""The forms of the reports in weights/: what the application takes from them, typed; they may say more.

A field that may be missing is written ``= UNSET``, one that may be null has None among its types. `Numbers`
are figures that were measured, by name: a page shows them, or a dash where one is null.
"""

from typing import Annotated, Generic, TypeVar

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
    """Least scores of candidates, see `models.inference.localiser.Localiser`."""

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


class Auc(Struct):
    """An area under the ROC curve with its 95 % interval, and rates where they were measured."""

    auc: Number | None
    auc_low: Number | None
    auc_high: Number | None
    accuracy: Number | None | UnsetType = UNSET
    sensitivity: Number | None | UnsetType = UNSET
    specificity: Number | None | UnsetType = UNSET


class Answered(Struct):
    """The nodules that got a verdict, or those that did not."""

    accuracy: Number | None
    n_nodules: Count | None | UnsetType = UNSET
    auc: Number | None | UnsetType = UNSET
    auc_low: Number | None | UnsetType = UNSET
    auc_high: Number | None | UnsetType = UNSET
    sensitivity: Number | None | UnsetType = UNSET
    specificity: Number | None | UnsetType = UNSET


class Deferred(Struct):
    """How often the app answers indeterminate."""

    coverage: Share
    deferred_of_indeterminate: Number | None
    kept: Answered
    deferred: Answered


class Measured(Auc, kw_only=True):
    """A model's results on one kind of input."""

    n_nodules: Count
    n_malignant: Count
    n_patients: Count
    brier: Number | None | UnsetType = UNSET
    calibration_error: Number | None | UnsetType = UNSET
    three_readers: Auc | UnsetType = UNSET
    test_half: Auc | UnsetType = UNSET
    balanced: Numbers | UnsetType = UNSET
    high_sensitivity: Numbers | UnsetType = UNSET
    abstention: Deferred | UnsetType = UNSET


class Histogram(Struct):
    """Counts of probabilities in bins."""

    edges: Annotated[list[Number], Meta(min_length=2)]
    benign: Annotated[list[Count], Meta(min_length=1)]
    malignant: Annotated[list[Count], Meta(min_length=1)]


class Curves(Struct):
    """What figures are drawn from."""

    histogram: Histogram | UnsetType = UNSET
    probabilities: dict[str, Annotated[list[Share], Meta(min_length=1)]] | UnsetType = UNSET


class ModelMeasured(Struct):
    """All results of a model."""

    stack: Measured | UnsetType = UNSET
    middle: Measured | UnsetType = UNSET
    curves: Curves | UnsetType = UNSET


class Range(Struct):
    """From, to."""

    low: Number
    high: Number


class Contrast(Struct):
    """How many nodules were shown after contrast agent."""

    n_nodules: Count
    given: Count


class Data(Struct):
    """The nodules that were measured on."""

    n_indeterminate: Count
    n_patients_in_all: Count
    splits: list[int]
    diameter_mm: Range | None | UnsetType = UNSET
    contrast: Contrast | None | UnsetType = UNSET


class Baseline(Auc, kw_only=True):
    """What models are held against."""

    three_readers: Auc | UnsetType = UNSET


class Baselines(Struct):
    """All of them; readers by the sample, then by who predicts (and ``n``)."""

    diameter: Baseline | UnsetType = UNSET
    descriptors: Baseline | UnsetType = UNSET
    readers: dict[str, dict[str, Auc | Count]] | UnsetType = UNSET


class Diagnoses(ByModel[Auc], kw_only=True):
    """Results for confirmed diagnoses."""

    n_patients: Count
    n_malignant: Count
    readers: Auc | UnsetType = UNSET
    diameter: Auc | UnsetType = UNSET


class Subgroup(Struct):
    """Results on one kind of nodule or scan."""

    heading: str
    name: str
    n_nodules: Count
    n_malignant: Count
    auc: dict[str, Auc]
    rates: dict[str, Numbers] | UnsetType = UNSET
    sensitivity: Number | None | UnsetType = UNSET
    specificity: Number | None | UnsetType = UNSET
    low_mm: Number | UnsetType = UNSET
    high_mm: Number | None | UnsetType = UNSET


class DescriptorError(Struct):
    """How far a descriptor is off."""

    mae: Number
    mae_low: Number | None | UnsetType = UNSET
    mae_high: Number | None | UnsetType = UNSET
    bias: Number | None | UnsetType = UNSET
    correlation: Number | None | UnsetType = UNSET


class AgainstMean(ByModel[DescriptorError], kw_only=True):
    """Errors of one descriptor, and of always giving the training mean."""

    consensus: DescriptorError
    constant: DescriptorError


class Described(Struct):
    """Errors of all descriptors."""

    against_mean: dict[str, AgainstMean]
    against_others: dict[str, dict[str, DescriptorError]] | UnsetType = UNSET
    n_nodules: Count | UnsetType = UNSET
    n_patients: Count | UnsetType = UNSET
    n_readings: Count | UnsetType = UNSET


class Descriptors(Struct):
    """Errors of the descriptors on all nodules."""

    all: Described


class Shown(Struct):
    """How answers move when a nodule is shown in another way."""

    name: str
    mild: bool | UnsetType = UNSET
    mean_change: Number | None | UnsetType = UNSET
    p95_change: Number | None | UnsetType = UNSET
    flips: Number | None | UnsetType = UNSET
    flips_benign_malignant: Number | None | UnsetType = UNSET
    auc: Number | None | UnsetType = UNSET


class Robustness(Struct):
    """All ways."""

    rows: list[Shown]
    n_nodules: Count | UnsetType = UNSET
    input: str | UnsetType = UNSET


class Called(Struct):
    """How many were called something, and how many of these rightly."""

    n: Count
    right: Count


class TextureReader(Struct):
    """One reader against the others."""

    agreement: Number


class Texture(Struct):
    """What the texture class is worth."""

    n: Count
    agreement: Number
    called: dict[str, Called]
    reader: TextureReader


class EvaluationReport(Struct):
    """``evaluation.json``."""

    data: Data | UnsetType = UNSET
    models: ByModel[ModelMeasured] | UnsetType = UNSET
    baselines: Baselines | UnsetType = UNSET
    subgroups: list[Subgroup] | UnsetType = UNSET
    diagnoses: Diagnoses | UnsetType = UNSET
    descriptors: Descriptors | UnsetType = UNSET
    robustness: Robustness | UnsetType = UNSET
    texture: Texture | UnsetType = UNSET
