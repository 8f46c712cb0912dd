"""Whether a message that another process made can be said in any language, and how long it would be.

It is found without saying it: a short message can stand for a sentence that fills the memory.
"""

from string import Formatter

from models.messages import Message


def length(message: Message) -> int:
    """Characters of the English, at most.

    Raises
    ------
    ValueError
        Where it cannot be said: a number is written as a text has it, or there is none to choose a plural by.
    """
    if not message.values:
        return len(message.text)
    if message.many and type(message.values.get("n")) is not int:
        raise ValueError("What differs by a number has that number.")
    inner = {name: length(value) for name, value in message.values.items() if isinstance(value, Message)}
    return max(_form(text, message, inner) for text in (message.text, message.many))


def _form(text: str, message: Message, inner: dict[str, int]) -> int:
    found = 0
    for literal, name, spec, _ in Formatter().parse(text):
        found += len(literal)
        if name is not None:
            found += inner[name] if name in inner else _written(message.values[name], spec or "")
    return found


def _written(value: object, spec: str) -> int:
    try:
        return len(format(value, spec))
    except OverflowError:  # a whole number that is larger than any with decimals
        raise ValueError("A number cannot be written.") from None
