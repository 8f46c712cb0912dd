"""A4 sheets in PDF from a template of templates/sheet/, which has their words, and the facts on them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import typst

from models.messages import ENGLISH, Language, Message

SHEETS = Path(__file__).parents[2] / "templates" / "sheet"
STANDARD: Literal["ua-1"] = "ua-1"  # PDF/UA-1, ISO 14289-1: tagged, readable by screen readers


def time_of(made: datetime | None) -> datetime:
    """When a sheet is made, in whole seconds of UTC; by default now."""
    return (made or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)


def sheet(template: str, facts: Mapping[str, Any], made: datetime, language: Language = ENGLISH) -> bytes:
    """The PDF of a template in a language; `facts` may hold messages, and NumPy's numbers and arrays."""

    def plain(value: Message | np.generic | np.ndarray) -> Any:
        return language.say(value) if isinstance(value, Message) else value.tolist()

    return typst.compile(
        SHEETS / template,
        sys_inputs={
            "facts": json.dumps(facts, default=plain),
            "language": language.code,
            "catalogue": json.dumps(language.catalogue),
            "comma": "yes" if language.has_comma else "",
        },
        ignore_system_fonts=True,  # the same sheets on every computer
        pdf_standards=STANDARD,
        timestamp=made,
    )
