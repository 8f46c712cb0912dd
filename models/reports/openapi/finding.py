"""The schema of a finding, as `models.reports.as_json` writes it."""

from models.inference.doubts import ORDER
from models.inference.pipeline import MODEL_KEYS
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES, RATINGS
from models.reports.openapi.shapes import array, integer, nullable, number, obj, ref, text, truth

VERDICTS = ("benign", "malignant", "indeterminate")
SOURCES = ("given", "centre", "suggested")
TEXTURES = ("solid", "part-solid", "ground glass")
PROBABILITY = number("Calibrated; of a malignant-looking rating, not of cancer.", 0, 1)
THRESHOLD = number("Operating point: malignant from here on, where not indeterminate.", 0, 1)


def finding_schemas():
    """Schemas by name; ``Finding`` is the whole answer."""
    return {
        "Finding": obj(
            "The answer on one nodule.",
            verdict=text("indeterminate: the models can't tell.", VERDICTS),
            model=text("The model asked for.", MODEL_KEYS),
            probability=PROBABILITY,
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
        ),
        "ModelAnswer": obj(
            "One model's answer; null where the model is unavailable.",
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
    }


def _nodule():
    mm = "In the chosen slice, mm; null where it was not outlined or the spacing is not known."
    point = array(number("Row, then column."), minItems=2, maxItems=2)
    return obj(
        "Where the nodule is, in pixels of the uploaded image from the top left, and its size.",
        row=number("0-based; 0 is the middle of the first pixel.", -0.5),
        col=number("0-based; 0 is the middle of the first pixel.", -0.5),
        slice=integer("0-based, feet to head; in a stack of pictures in their order."),
        source=text("Who said so: the request, the centre of a crop, or a search.", SOURCES),
        long_axis_mm=nullable(number(mm, 0)),
        short_axis_mm=nullable(number(mm, 0)),
        mean_diameter_mm=nullable(number(mm, 0)),
        equivalent_diameter_mm=nullable(number(mm, 0)),
        mean_hu=nullable(number("Mean HU within the outline; null where pixels are no HU.")),
        texture=nullable(text("An impression; null where there is none.", TEXTURES)),
        outline=nullable(array(point, "Vertices of a polygon; null where it was not outlined.", minItems=3)),
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
