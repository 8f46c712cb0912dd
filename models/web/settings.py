"""The settings, and their values from the environment."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

PREFIX = "NODULE_"


class Setting(NamedTuple):
    """What the environment variable NODULE_<name> sets."""

    name: str
    default: str | int
    help: str


SETTINGS = (
    Setting("HOST", "127.0.0.1", "Address that `python app.py` listens on."),
    Setting("PORT", 5000, "Port that `python app.py` listens on."),
    Setting(
        "PASSWORD",
        "",
        "Password that visitors give; required unless `NODULE_HOST` is an address of this machine alone "
        "(127.0.0.1, ::1, localhost). Changing it ends all sessions. Empty: none.",
    ),
    Setting(
        "OPEN",
        0,
        "1: other machines are answered without a password too. Whoever reaches the port can then use "
        "everything: only behind something that keeps strangers out.",
    ),
    Setting(
        "HOSTS",
        "",
        "Names by which browsers reach the server, with commas between them; without a password, it goes by "
        "no other name than localhost and its addresses.",
    ),
    Setting(
        "PROXIES",
        0,
        "Number of reverse proxies that set X-Forwarded-For and X-Forwarded-Proto; 0: these headers are "
        "ignored.",
    ),
    Setting("WEIGHTS", "weights", "Folder of the models' weights; relative to app.py."),
    Setting("MAX_UPLOAD_MB", 600, "Largest upload, in megabytes (all files of a request together)."),
    Setting("MAX_MEGAPIXELS", 300, "Most pixels of all images of an upload, in millions, after unpacking."),
    Setting("MAX_IMAGE_MEGAPIXELS", 17, "Most pixels of one picture or slice, in millions."),
    Setting(
        "MAX_PICTURE_MEGAPIXELS", 64, "Most pixels of all pictures (not DICOM) of an upload, in millions."
    ),
    Setting("MAX_FRAMES", 2000, "Most frames of a DICOM file, or pages of a TIFF."),
    Setting("MAX_FILES", 2000, "Most files of an upload."),
    Setting("MAX_FIELDS", 20, "Most fields of a form besides its files."),
    Setting("MAX_TEXT_KB", 500, "Most kilobytes of all fields of a form together."),
    Setting("MAX_ZIP_FILES", 10000, "Most files in a ZIP, including those that are not images."),
    Setting("MAX_ZIP_MB", 2600, "Most megabytes unpacked from a ZIP, counted as often as they are."),
    Setting("MAX_ZIP_RATIO", 200, "Most megabytes unpacked for a megabyte of a ZIP, from 64 MB on."),
    Setting(
        "DECODE_SECONDS", 120, "Longest time to decode an upload; small ones have 8 s, and 4 s a megabyte."
    ),
    Setting("DECODE_MB", 3000, "Address space of a process that decodes an upload, in megabytes."),
    Setting("DECODERS", 4, "Uploads decoded at once by one server process; others wait their turn."),
    Setting(
        "QUEUE",
        16,
        "Predictions under way or waiting at once, of one visitor three quarters; any further one is "
        "answered `busy`.",
    ),
    Setting(
        "STORE", "", "Folder for uploaded scans, the user's own; empty: in the system's temporary folder."
    ),
    Setting("STORE_MINUTES", 30, "Minutes after its last use at which a scan is removed."),
    Setting(
        "STORE_MB",
        2000,
        "Most megabytes of scans kept at once; beyond it, old ones go of the visitor who has most.",
    ),
    Setting("STORE_SCANS", 20, "Most scans kept at once; an upload of several series counts as one more."),
    Setting(
        "DICOMWEB",
        "",
        "Address of the PACS's DICOMweb service, which `/studies` follows, such as "
        "https://pacs.example/dicom-web; an IPv6 address is in brackets. Empty: none.",
    ),
    Setting(
        "DICOMWEB_USER", "", "User name by which this server is known to the PACS (basic authentication)."
    ),
    Setting("DICOMWEB_PASSWORD", "", "Password of that user."),
    Setting(
        "DICOMWEB_TOKEN", "", "Token by which this server is known to the PACS (bearer), in place of a user."
    ),
    Setting(
        "DICOMWEB_CA_FILE",
        "",
        "File with the certificates (PEM) that the PACS's own is checked against; empty: those of the public "
        "authorities.",
    ),
    Setting(
        "DICOMWEB_OPEN",
        0,
        "1: the pages of the PACS, which show names of patients, are there without `NODULE_PASSWORD` too. "
        "Whoever may use this server may then search the PACS.",
    ),
    Setting(
        "DICOMWEB_SECONDS",
        30,
        "Longest time for a search in the PACS or for storing there, and longest silence while a series "
        "is fetched.",
    ),
    Setting("DICOMWEB_FETCH_SECONDS", 600, "Longest time to fetch a series from the PACS."),
    Setting("LOG", "plain", "`json`: log lines are JSON objects, one a line."),
)


def in_url(host: str) -> str:
    """A host as a URL has it: an IPv6 address is in brackets."""
    return f"[{host}]" if ":" in host else host


def read_settings(settings: Iterable[Setting], environ: Mapping[str, str]) -> dict[str, Any]:
    """Values by name of a table of settings; ValueError names a variable that does not fit."""
    values = {}
    for setting in settings:
        text = environ.get(PREFIX + setting.name)
        try:
            values[setting.name] = setting.default if text is None else type(setting.default)(text)
        except ValueError:
            raise ValueError(f"{PREFIX}{setting.name} must be a whole number. Received: {text!r}") from None
    return values
