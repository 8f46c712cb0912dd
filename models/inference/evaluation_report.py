"""The form of ``evaluation.json``, what was measured of the five; see `models.inference.weights_reports`."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from models.inference.weights_reports import ByModel, Count, Counted, Figure, Number, Numbers, Share


class Auc(Struct):
    """An area under the ROC curve with its 95 % interval, and rates where they were measured."""

    auc: Number | None
    auc_low: Number | None
    auc_high: Number | None
    accuracy: Figure = UNSET
    sensitivity: Figure = UNSET
    specificity: Figure = UNSET


class Difference(Struct):
    """A difference of AUCs on the same nodules, and its 95 % interval."""

    value: Number
    low: Number
    high: Number
    n_nodules: Count


class Ahead(Struct):
    """By how much a model is ahead of what it is held against."""

    diameter: Difference | UnsetType = UNSET
    version_0_5: Difference | UnsetType = UNSET


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


class Histogram(Struct):
    """Counts of probabilities in bins."""

    edges: Annotated[list[Number], Meta(min_length=2)]
    benign: Annotated[list[Count], Meta(min_length=1)]
    malignant: Annotated[list[Count], Meta(min_length=1)]


class Curves(Struct):
    """What figures are drawn from."""

    histogram: Histogram | UnsetType = UNSET
    probabilities: dict[str, Annotated[list[Share], Meta(min_length=1)]] | UnsetType = UNSET


class ModelResults(Auc, kw_only=True):
    """All results of a model."""

    n_nodules: Count
    n_malignant: Count
    n_patients: Count
    brier: Figure = UNSET
    calibration_error: Figure = UNSET
    three_readers: Auc | UnsetType = UNSET
    ahead: Ahead | UnsetType = UNSET
    balanced: Numbers | UnsetType = UNSET
    high_sensitivity: Numbers | UnsetType = UNSET
    abstention: AbstentionResults | UnsetType = UNSET
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
    folds: Count
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


class OtherVerdicts(Struct):
    """How many verdicts differ when a nodule is asked for in one other way."""

    name: str
    other: Count
    share: Share
    share_low: Share
    share_high: Share


class EnlargedVerdicts(Struct):
    """Verdicts on malignant-rated lesions that are enlarged to one size."""

    mm: Number
    n_nodules: Count
    benign: Count
    malignant: Count
    indeterminate: Count
    no_nodule: Count


class EnlargedResults(Struct):
    """Verdicts on malignant-rated lesions, enlarged to several sizes above their own."""

    n_nodules: Count
    rows: list[EnlargedVerdicts]


class ClickResults(Struct):
    """How far verdicts depend on the click and on the spacing, with the whole app."""

    n_nodules: Count
    rows: list[OtherVerdicts]
    enlarged: EnlargedResults


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
    clicks: ClickResults | UnsetType = UNSET
    texture: TextureResults | UnsetType = UNSET
