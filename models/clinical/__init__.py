"""Clinical risk models and guidelines, apart from the networks' scores: a module each, with its source.

They reckon with what a clinician has confirmed, and refuse (`models.clinical.terms.Refusal`) where they were
not made for the patient or the nodule.
"""
