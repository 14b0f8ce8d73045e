"""What a user's machine needs: NumPy, and an extra only where its name is in the error."""

import importlib.metadata
import importlib.resources
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ESTIMATORS = [
    *("ElasticNet", "Lasso", "LinearRegression", "LogisticRegression", "Ridge"),
    *("SGDClassifier", "SGDRegressor"),
]

LOADED_BY_IMPORT = """
import json, sys
before = set(sys.modules)
import fallline
print(json.dumps(sorted(set(sys.modules) - before)))
"""

ESTIMATORS_WITHOUT_SKLEARN = f"""
import json, sys
sys.modules["sklearn"] = None  # as if it were not installed
import fallline
assert not set({ESTIMATORS}) & set(dir(fallline)), "help() would fail"
errors = {{}}
for name in {ESTIMATORS}:
    try:
        getattr(fallline, name)
    except ImportError as error:
        errors[name] = str(error)
print(json.dumps(errors))
"""


def printed_by(program: str, folder: Path) -> object:
    """Run a program in a fresh interpreter, away from the checkout, and read the JSON it prints."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_loads_numpy_and_the_standard_library_only(tmp_path: Path) -> None:
    loaded = printed_by(LOADED_BY_IMPORT, tmp_path)
    assert isinstance(loaded, list)
    packages = {str(name).partition(".")[0] for name in loaded}
    assert {"fallline", "numpy"} <= packages
    assert packages <= {"fallline", "numpy"} | sys.stdlib_module_names


def test_import_leaves_the_doors_closed(tmp_path: Path) -> None:
    loaded = printed_by(LOADED_BY_IMPORT, tmp_path)
    assert isinstance(loaded, list)
    assert not {
        "fallline.estimators",
        "fallline.torch",
        "fallline.bench",
        "fallline.cli",
        "fallline.demo",
    } & set(loaded)


def test_an_estimator_without_scikit_learn_names_its_extra(tmp_path: Path) -> None:
    errors = printed_by(ESTIMATORS_WITHOUT_SKLEARN, tmp_path)
    assert isinstance(errors, dict)
    assert sorted(errors) == ESTIMATORS
    assert all("fallline[sklearn]" in message for message in errors.values()), errors


@pytest.mark.parametrize("file", ["py.typed", "_core.pyi", "_core_loops.pyi"])
def test_the_types_are_installed(file: str) -> None:
    assert importlib.resources.files("fallline").joinpath(file).is_file()


WITHOUT_TORCH = """
import json, sys
sys.modules["torch"] = None  # as if it were not installed
import fallline
try:
    fallline.torch
except ImportError as error:
    print(json.dumps(str(error)))
"""


def test_without_torch_its_door_says_so(tmp_path: Path) -> None:
    assert printed_by(WITHOUT_TORCH, tmp_path) == (
        "fallline.torch needs torch, which was not found; pip install torch"
    )


def test_numpy_is_the_only_requirement_at_run_time() -> None:
    requirements = importlib.metadata.requires("fallline") or []
    required = [
        re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in requirements if "extra ==" not in text
    ]
    assert required == ["numpy"]
