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


class CandidateThresholds(Struct):
    """Least scores of candidates, see `models.inference.detection.localiser.Localiser`."""

    whole: Share
    part: Share


class DetectionResults(Struct):
    """How often a nodule is found."""

    top_1: Figure = UNSET
    top_3: Figure = UNSET
    top_1_interval: Pair | None | UnsetType = UNSET
    top_3_interval: Pair | None | UnsetType = UNSET
    false_positives: Figure = UNSET


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
    part: DetectionResults | None | UnsetType = UNSET
    whole: DetectionResults | None | UnsetType = UNSET
    readers: OutlineResults | None | UnsetType = UNSET


class LocaliserReport(Struct):
    """``localiser.json``."""

    sha256: Checksum
    thresholds: CandidateThresholds
    filters: Filters | UnsetType = UNSET
    measured: dict[Name, LocaliserResults] | UnsetType = UNSET


class RecognitionThresholds(Struct):
    """Least probability of a nodule, where one is outlined and where none is."""

    outlined: Share
    not_outlined: Share


class RecognitionReport(Struct):
    """``recognition.json``; below its threshold a location shows no nodule."""

    sha256: Checksum
    thresholds: RecognitionThresholds


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
    """``reliability.json``: by model and by how nodules were read."""

    models: ByModel[dict[Literal["stack", "middle"], list[VerdictsAtSize]]]


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


class Auc(Struct):
    """An area under the ROC curve with its 95 % interval, and rates where they were measured."""

    auc: Number | None
    auc_low: Number | None
    auc_high: Number | None
    accuracy: Figure = UNSET
    sensitivity: Figure = UNSET
    specificity: Figure = UNSET


class AnswerResults(Struct):
    """The nodules that got a verdict, or those that did not."""

    accuracy: Number | None
    n_nodules: Counted = UNSET
    auc: Figure = UNSET
    auc_low: Figure = UNSET
    auc_high: Figure = UNSET
    sensitivity: Figure = UNSET
    specificity: Figure = UNSET


class AbstentionResults(Struct):
    """How often the app answers indeterminate."""

    coverage: Share
    deferred_of_indeterminate: Number | None
    kept: AnswerResults
    deferred: AnswerResults


class InputResults(Auc, kw_only=True):
    """A model's results on one kind of input."""

    n_nodules: Count
    n_malignant: Count
    n_patients: Count
    brier: Figure = UNSET
    calibration_error: Figure = UNSET
    three_readers: Auc | UnsetType = UNSET
    test_half: Auc | UnsetType = UNSET
    balanced: Numbers | UnsetType = UNSET
    high_sensitivity: Numbers | UnsetType = UNSET
    abstention: AbstentionResults | UnsetType = UNSET


class Histogram(Struct):
    """Counts of probabilities in bins."""

    edges: Annotated[list[Number], Meta(min_length=2)]
    benign: Annotated[list[Count], Meta(min_length=1)]
    malignant: Annotated[list[Count], Meta(min_length=1)]


class Curves(Struct):
    """What figures are drawn from."""

    histogram: Histogram | UnsetType = UNSET
    probabilities: dict[str, Annotated[list[Share], Meta(min_length=1)]] | UnsetType = UNSET


class ModelResults(Struct):
    """All results of a model."""

    stack: InputResults | UnsetType = UNSET
    middle: InputResults | UnsetType = UNSET
    curves: Curves | UnsetType = UNSET


class Range(Struct):
    """From, to."""

    low: Number
    high: Number


class ContrastAgent(Struct):
    """How many nodules were shown after contrast agent."""

    n_nodules: Count
    given: Count


class DataSummary(Struct):
    """The nodules that were measured on."""

    n_indeterminate: Count
    n_patients_in_all: Count
    splits: list[int]
    diameter_mm: Range | None | UnsetType = UNSET
    contrast: ContrastAgent | None | UnsetType = UNSET


class BaselineResults(Auc, kw_only=True):
    """What models are held against."""

    three_readers: Auc | UnsetType = UNSET


class Baselines(Struct):
    """All of them; readers by the sample, then by who predicts (and ``n``)."""

    diameter: BaselineResults | UnsetType = UNSET
    descriptors: BaselineResults | UnsetType = UNSET
    readers: dict[str, dict[str, Auc | Count]] | UnsetType = UNSET


class DiagnosisResults(ByModel[Auc], kw_only=True):
    """Results for confirmed diagnoses."""

    n_patients: Count
    n_malignant: Count
    readers: Auc | UnsetType = UNSET
    diameter: Auc | UnsetType = UNSET


class SubgroupResults(Struct):
    """Results on one kind of nodule or scan."""

    heading: str
    name: str
    n_nodules: Count
    n_malignant: Count
    auc: dict[str, Auc]
    rates: dict[str, Numbers] | UnsetType = UNSET
    sensitivity: Figure = UNSET
    specificity: Figure = UNSET
    low_mm: Number | UnsetType = UNSET
    high_mm: Figure = UNSET


class DescriptorError(Struct):
    """How far a descriptor is off."""

    mae: Number
    mae_low: Figure = UNSET
    mae_high: Figure = UNSET
    bias: Figure = UNSET
    correlation: Figure = UNSET


class AgainstMean(ByModel[DescriptorError], kw_only=True):
    """Errors of one descriptor, and of always giving the training mean."""

    consensus: DescriptorError
    constant: DescriptorError


class DescriptorErrors(Struct):
    """Errors of all descriptors."""

    against_mean: dict[str, AgainstMean]
    against_others: dict[str, dict[str, DescriptorError]] | UnsetType = UNSET
    n_nodules: Count | UnsetType = UNSET
    n_patients: Count | UnsetType = UNSET
    n_readings: Count | UnsetType = UNSET


class DescriptorResults(Struct):
    """Errors of the descriptors on all nodules."""

    all: DescriptorErrors


class PerturbationResults(Struct):
    """How answers move when a nodule is perturbed in one way."""

    name: str
    mild: bool | UnsetType = UNSET
    mean_change: Figure = UNSET
    p95_change: Figure = UNSET
    flips: Figure = UNSET
    flips_benign_malignant: Figure = UNSET
    auc: Figure = UNSET


class RobustnessResults(Struct):
    """How answers move when nodules are perturbed."""

    rows: list[PerturbationResults]
    n_nodules: Count | UnsetType = UNSET
    input: str | UnsetType = UNSET


class ClassAgreement(Struct):
    """How many were called something, and how many of these rightly."""

    n: Count
    right: Count


class ReaderAgreement(Struct):
    """One reader against the others."""

    agreement: Number


class TextureResults(Struct):
    """What the texture class is worth."""

    n: Count
    agreement: Number
    called: dict[str, ClassAgreement]
    reader: ReaderAgreement


class EvaluationReport(Struct):
    """``evaluation.json``."""

    data: DataSummary | UnsetType = UNSET
    models: ByModel[ModelResults] | UnsetType = UNSET
    baselines: Baselines | UnsetType = UNSET
    subgroups: list[SubgroupResults] | UnsetType = UNSET
    diagnoses: DiagnosisResults | UnsetType = UNSET
    descriptors: DescriptorResults | UnsetType = UNSET
    robustness: RobustnessResults | UnsetType = UNSET
    texture: TextureResults | UnsetType = UNSET
