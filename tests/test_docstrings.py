"""What the documentation says is what the code does: parameters, defaults, examples, version."""

import ast
import doctest
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import fallline
from fallline import _core

README = Path(__file__).resolve().parent.parent / "README.md"
OF_TORCH = ("CoreOptimizer", "Lion")  # the others take what torch takes
VOCABULARY = ("callbacks", "losses", "optim", "penalties", "schedules")
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fallline.__path__, "fallline.")
    if not module.name.endswith(("__main__", "._core"))
)


def public_objects() -> Iterator[tuple[str, Any]]:
    """Everything in an ``__all__``; estimators come with an extra and may be absent."""
    for module in [fallline, *(importlib.import_module(f"fallline.{room}") for room in VOCABULARY)]:
        for name in module.__all__:
            try:
                yield f"{module.__name__}.{name}", getattr(module, name)
            except ImportError as error:
                if "fallline[" not in str(error):
                    raise
    if find_spec("torch"):
        for name in OF_TORCH:
            yield f"fallline.torch.{name}", getattr(fallline.torch, name)


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    for path, member in public_objects():
        if callable(member):
            yield path, member
        if inspect.isclass(member):
            for name, method in inspect.getmembers(member, inspect.isroutine):
                ours = (getattr(method, "__module__", None) or "").startswith("fallline")
                if ours and not name.startswith("_"):
                    yield f"{path}.{name}", method


CALLABLES = dict(public_callables())


def parameters(member: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Of a class those of its own constructor; one inherited from a built-in has none of ours."""
    if inspect.isclass(member):
        constructor = getattr(member, "__init__", None)
        if not (getattr(constructor, "__module__", None) or "").startswith("fallline"):
            return {}
    found = dict(inspect.signature(member).parameters)
    found.pop("self", None)
    return found


def documented_parameters(member: Callable[..., Any]) -> dict[str, str]:
    """Name and type line of each entry in the Parameters section of a numpydoc docstring."""
    text = inspect.getdoc(member) or ""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", text, re.DOTALL | re.MULTILINE
    )
    entries: dict[str, str] = {}
    for line in section[1].splitlines() if section else []:
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            entries |= dict.fromkeys((name.strip(" *") for name in names.split(",")), kind)
    return entries


def normalised(literal: str) -> str:
    """Write a literal as ``repr`` would, so that 1e-3 and 0.001 are one default."""
    try:
        return repr(ast.literal_eval(literal))
    except (SyntaxError, ValueError):
        return literal


def test_the_search_found_the_public_face() -> None:
    assert {
        "fallline.Trainer",
        "fallline.Trainer.fit",
        "fallline.optim.Adam.step",
    } <= CALLABLES.keys()
    assert {"fallline.trainer", "fallline.optim"} <= set(MODULES)


@pytest.mark.parametrize("path", CALLABLES)
def test_the_docstring_lists_exactly_the_parameters(path: str) -> None:
    member = CALLABLES[path]
    assert inspect.getdoc(member)
    assert list(documented_parameters(member)) == list(parameters(member))


@pytest.mark.parametrize("path", CALLABLES)
def test_documented_defaults_are_the_real_ones(path: str) -> None:
    member = CALLABLES[path]
    real = {
        name: repr(parameter.default)
        for name, parameter in parameters(member).items()
        if parameter.default is not parameter.empty
    }
    documented = {
        name: normalised(kind.partition("default=")[2])
        for name, kind in documented_parameters(member).items()
        if "default=" in kind
    }
    assert documented == real


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if "fallline[" not in str(error) and "needs torch" not in str(error):
            raise
        pytest.skip(f"{name}: {error}")
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    results = doctest.testmod(module, optionflags=options)
    assert results.failed == 0, capsys.readouterr().out


@pytest.mark.parametrize("room", VOCABULARY)
def test_every_word_of_the_vocabulary_shows_an_example(room: str) -> None:
    module = importlib.import_module(f"fallline.{room}")
    classes = [
        member for name in module.__all__ if inspect.isclass(member := getattr(module, name))
    ]
    words = [member for member in classes if not member.__subclasses__()]
    assert words
    finder = doctest.DocTestFinder()
    silent = [word for word in words if not any(test.examples for test in finder.find(word))]
    assert not silent


def test_the_examples_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


def test_the_version_is_written_once() -> None:
    assert fallline.__version__ == importlib.metadata.version("fallline") == _core.__version__
