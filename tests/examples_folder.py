"""The programs of the folder examples, as modules."""

import importlib
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "examples"


def example(name: str) -> Any:
    """Import ``examples/<name>.py``, which may import its neighbours."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(name)
