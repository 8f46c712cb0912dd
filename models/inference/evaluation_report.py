"""The form of ``evaluation.json``: what was measured of the models, for the pages that show it.

Written as `models.inference.weights_reports` says.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from models.inference.weights_reports import ByModel, Count, Number, Numbers, Share


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
