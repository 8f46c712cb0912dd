"""JSON Schema (2020-12) in few words: what the larger schemas are made of."""


def obj(about="", **properties):
    """An object with exactly these properties."""
    about = {"description": about} if about else {}
    closed = {"required": list(properties), "additionalProperties": False}
    return {"type": "object", **about, "properties": properties, **closed}


def array(items, about="", **bounds):
    """A list of `items`."""
    return {"type": "array", **({"description": about} if about else {}), "items": items, **bounds}


def number(about, low=None, high=None):
    """A number, bounds included."""
    bounds = {"minimum": low, "maximum": high}
    return {"type": "number", "description": about} | {
        name: bound for name, bound in bounds.items() if bound is not None
    }


def integer(about, low=0):
    """A whole number."""
    return number(about, low) | {"type": "integer"}


def text(about, choices=None):
    """A string; one of the choices where there are any."""
    return {"type": "string", "description": about} | ({"enum": list(choices)} if choices else {})


def truth(about):
    """True or false."""
    return {"type": "boolean", "description": about}


def nullable(schema):
    """The same, or null."""
    schema = schema | {"type": [schema["type"], "null"]}
    return schema | {"enum": [*schema["enum"], None]} if "enum" in schema else schema


def ref(name):
    """A schema of the document, by name."""
    return {"$ref": f"#/components/schemas/{name}"}
