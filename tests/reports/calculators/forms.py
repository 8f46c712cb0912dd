"""Forms as a reader fills them in, and how to find one's way in what comes of them: the context, the page."""

from html.parser import HTMLParser

BROCK_FORM = {
    "calculator": "brock",
    "age": "62",
    "female": "woman",
    "family_history": "no",
    "emphysema": "no",
    "long_axis_mm": "8",
    "nodule_type": "solid",
    "spiculation": "no",
    "upper_lobe": "no",
    "count": "1",
}
MAYO = {
    "calculator": "mayo",
    "age": "65",
    "ever_smoked": "yes",
    "cancer": "none",
    "long_axis_mm": "12",
    "spiculation": "no",
    "upper_lobe": "yes",
}
FLEISCHNER = {
    "calculator": "fleischner",
    "reason": "incidental",
    "age": "60",
    "cancer": "none",
    "immunosuppressed": "no",
    "diameter_mm": "7",
    "nodule_type": "solid",
    "count": "1",
    "high_risk": "low",
}
LUNG_RADS = {
    "calculator": "lung_rads",
    "reason": "screening",
    "exam": "complete",
    "diameter_mm": "9,0",
    "nodule_type": "solid",
    "change": "baseline",
    "benign": "no",
    "spiculation": "no",
    "suspicious": "no",
}
UNSURE = {"nodule_type": "unsure"}


def form_of(context, key):
    return next(form for form in context["forms"] if form["key"] == key)


def fields_of(context, key, what):
    return {field["name"]: field[what] for field in form_of(context, key)["asks"] if field[what]}


class Page(HTMLParser):
    """Elements of a page as (tag, attributes), and the texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag, **attributes):
        return [found for name, found in self.elements if name == tag and attributes.items() <= found.items()]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())
