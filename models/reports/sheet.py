"""A4 sheets in PDF from a template of templates/sheet/, which has their words, and the facts on them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import typst

SHEETS = Path(__file__).parents[2] / "templates" / "sheet"
STANDARD: Literal["ua-1"] = "ua-1"  # PDF/UA-1, ISO 14289-1: tagged, readable by screen readers


def time_of(made: datetime | None) -> datetime:
    """When a sheet is made, in whole seconds of UTC; by default now."""
    return (made or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)


def sheet(template: str, facts: Mapping[str, Any], made: datetime) -> bytes:
    """The PDF of a template; `facts` may hold NumPy's numbers and arrays."""
    return typst.compile(
        SHEETS / template,
        sys_inputs={"facts": json.dumps(facts, default=_plain)},
        ignore_system_fonts=True,  # the same sheets on every computer
        pdf_standards=STANDARD,
        timestamp=made,
    )


def _plain(value: np.generic | np.ndarray) -> Any:
    """NumPy's numbers and arrays as JSON knows them."""
    return value.tolist()
