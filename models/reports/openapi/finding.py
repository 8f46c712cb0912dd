"""The schema of a finding, as `models.reports.as_json` writes it."""

from models.inference.pipeline import MODEL_KEYS
from models.inference.quality_warnings import ORDER
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES, RATINGS
from models.reports.openapi.shapes import array, integer, nullable, number, obj, ref, text, truth

VERDICTS = ("benign", "malignant", "indeterminate", "no_nodule")
SOURCES = ("given", "centre", "suggested")
TEXTURES = ("solid", "part-solid", "ground glass")
PROBABILITY = number("Calibrated; of a malignant-looking rating, not of cancer.", 0, 1)
THRESHOLD = number("Operating point: malignant from here on, where not indeterminate.", 0, 1)


def finding_schemas():
    """Schemas by name; ``Finding`` is the whole answer."""
    return {
        "Finding": obj(
            "The answer on one nodule.",
            verdict=text(
                "indeterminate: the models can't tell, or say that a mass looks benign; no_nodule: none is "
                "recognised at the location, and what would be said of one is null unless anyway is 1.",
                VERDICTS,
            ),
            model=text("The model asked for.", MODEL_KEYS),
            probability=nullable(PROBABILITY),
            nodule_probability=nullable(
                number("That there is a nodule at the location; null where that cannot be told.", 0, 1)
            ),
            threshold=THRESHOLD,
            models=array(
                ref("ModelAnswer"),
                "Always all five, in this order.",
                minItems=len(ARCHITECTURES),
                maxItems=len(ARCHITECTURES),
            ),
            nodule=ref("Nodule"),
            characteristics=_characteristics(),
            image=ref("Image"),
            warnings=array(ref("Warning"), "The weightiest first."),
            disclaimer=text("To be shown with the answer."),
            version=obj(
                "What answered.",
                app=text("Version of the app."),
                weights=text("Start of the checksum over the weights."),
            ),
            similar={"anyOf": [ref("Similar"), {"type": "null"}]},
            reliability={"anyOf": [ref("Reliability"), {"type": "null"}]},
        ),
        "ModelAnswer": obj(
            "One model's answer; null where the model is unavailable, the probability as of the whole, too.",
            key=text("The model.", ARCHITECTURES),
            verdict=nullable(text("As of the whole.", VERDICTS)),
            probability=nullable(PROBABILITY),
            threshold=nullable(THRESHOLD),
        ),
        "Nodule": _nodule(),
        "Image": _image(),
        "Warning": obj(
            "A reason to trust the answer less, or something to know.",
            code=text("For programs.", ORDER),
            message=text("For people."),
        ),
        "Similar": _similar(),
        "Reliability": _reliability(),
    }


def _nodule():
    mm = "In its largest section, mm; null where it was not outlined or the spacing is not known."
    section = "0-based; null where it was not outlined."
    point = array(number("Row, then column."), minItems=2, maxItems=2)
    return obj(
        "Where the nodule is, in pixels of the uploaded image from the top left, and its size.",
        row=number("0-based; 0 is the middle of the first pixel.", -0.5),
        col=number("0-based; 0 is the middle of the first pixel.", -0.5),
        slice=integer("0-based, feet to head; in a stack of pictures in their order."),
        source=text("Who said so: the request, the centre of a crop, or a search.", SOURCES),
        largest_slice=nullable(integer(f"The slice in which it is largest, and was read. {section}")),
        first_slice=nullable(integer(f"The first that shows it. {section}")),
        last_slice=nullable(integer(f"The last that shows it. {section}")),
        long_axis_mm=nullable(number(mm, 0)),
        short_axis_mm=nullable(number(mm, 0)),
        mean_diameter_mm=nullable(number(mm, 0)),
        equivalent_diameter_mm=nullable(number(mm, 0)),
        mean_hu=nullable(number("Mean HU within the outline; null where pixels are no HU.")),
        texture=nullable(text("An impression; null where there is none.", TEXTURES)),
        outline=nullable(
            array(point, "Vertices of a polygon in the largest section; null without one.", minItems=3)
        ),
    )


def _characteristics():
    scales = {
        name: nullable(number(f"On LIDC's scale of {low} to {high}.", low, high))
        for name, (low, high) in DESCRIPTOR_SCALES.items()
    }
    return obj("Descriptors as the radiologists of LIDC-IDRI rated them.", **scales)


def _image():
    mm = "In mm; null where it cannot be known."
    return obj(
        "What was read.",
        rows=integer("Height in pixels.", 1),
        cols=integer("Width in pixels.", 1),
        slices=integer("Number of slices.", 1),
        spacing_mm={**number("mm per pixel, between rows."), "exclusiveMinimum": 0},
        is_hu=truth("Whether pixels are Hounsfield units, as DICOM's are, and not the greys of a picture."),
        spacing_assumed=truth("Whether the spacing is a guess, since neither file nor request has it."),
        thickness_mm=nullable(number(f"Thickness of a slice. {mm}", 0)),
        slice_spacing_mm=nullable(number(f"Median distance of neighbouring slices. {mm}", 0)),
    )


def _reliability():
    rated = "Of them, rated as malignant by radiologists."
    end = nullable(number("mm; the last one null where there is no end.", 0))
    same = obj(
        "Of them, those that got this verdict; null where that is neither benign nor malignant.",
        nodules=integer("All of them."),
        malignant=integer(rated),
        share_low=number("Share of the latter, lower end of the exact 95 % interval.", 0, 1),
        share_high=number("Share of the latter, upper end of the exact 95 % interval.", 0, 1),
    )
    return obj(
        "What the verdict is worth for this size, counted on nodules that the models had not seen. Null "
        "where the size is not known, and without a nodule.",
        adds=truth("Whether it changes the share of malignant-rated ones beyond its 95 % interval."),
        nodules=integer("Unseen nodules of this size."),
        malignant=integer(rated),
        recognised=integer("Of the malignant-rated ones, those that the model asked for called malignant."),
        size_mm=array(end, "Long axis, from and up to.", minItems=2, maxItems=2),
        same_verdict=nullable(same),
    )


def _similar():
    return obj(
        "The nodules that trained the models and are most like this one. Null where that cannot be told.",
        ratings=array(
            integer("Readings."),
            "How often their readers gave each malignancy rating, 1 to 5.",
            minItems=len(RATINGS),
            maxItems=len(RATINGS),
        ),
        diameters_mm=array(number("mm", 0), "Of each, the most similar first."),
        distance=number("Of the nearest; 1: as far as training nodules usually are from each other.", 0),
        farther_than=number("Share of the training nodules that are nearer to others.", 0, 1),
        is_unlike=truth("Whether it is too far for the answer to be trusted."),
    )
