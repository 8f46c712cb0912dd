"""When a nodule is a mass: suspicious by its size, whatever it looks like.

An opacity of more than 30 mm in diameter is a mass (Hansell et al., Fleischner glossary, Radiology 246, 697,
2008; Bankier et al., Radiology 285, 584, 2017), and rules for nodules end there (British Thoracic Society,
Callister et al., Thorax 70 suppl. 2, ii1, 2015). The diameter is the longest one, as in staging.
"""

MASS_MM = 30.0
SOURCE = "Fleischner glossary, Hansell et al., Radiology 246, 697, 2008"


def is_mass(diameter_mm: float | None) -> bool:
    """Whether a lesion of that greatest diameter is a mass; one of unknown size is not called so."""
    return diameter_mm is not None and diameter_mm > MASS_MM
