"""Settings from the environment."""

from collections import namedtuple

PREFIX = "NODULE_"
Setting = namedtuple("Setting", "name default help")  # from the environment variable NODULE_<name>


def read_settings(settings, environ):
    """Values by name of a table of `Setting`; ValueError names a variable that does not fit."""
    values = {}
    for setting in settings:
        text = environ.get(PREFIX + setting.name)
        try:
            values[setting.name] = setting.default if text is None else type(setting.default)(text)
        except ValueError:
            raise ValueError(f"{PREFIX}{setting.name} must be a whole number. Received: {text!r}") from None
    return values
