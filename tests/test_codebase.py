"""The shape of the code base: who includes whom, what lives where, and nothing too long."""

import ast
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fallline import _core

ROOT = Path(__file__).resolve().parent.parent
CPP = ROOT / "cpp"
STUBS = sorted((ROOT / "python" / "fallline").glob("_core*.pyi"))
CPP_FILES = sorted([*CPP.rglob("*.hpp"), *CPP.rglob("*.cpp")])
CPP_TEST_FILES = sorted((ROOT / "tests" / "cpp").iterdir())
PYTHON_FILES = sorted(
    path
    for folder in ("python", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py*")
    if path.suffix in {".py", ".pyi"}
)
CMAKE_FILES = sorted([ROOT / "pyproject.toml", *ROOT.glob("CMake*"), *CPP.rglob("CMakeLists.txt")])
TARGET_FILES = sorted((CPP / "kernels" / "targets").glob("*.cpp"))

# What a room may include besides itself: every room below it along the arrows
#     bindings -> {training, linalg} -> kernels/table.hpp -> core
#     kernels/*-inl.hpp -> {losses, penalties, rules, sources} -> simd -> core
# and, where the two meet, a target compiles the kernels into a table, and dispatch chooses one.
FORMULAS = {"losses", "penalties", "rules", "sources"}
MAY_INCLUDE = {
    "core": set[str](),
    "simd": {"core"},
    **{room: {"simd", "core"} for room in FORMULAS},
    "kernels": {"simd", "core", *FORMULAS},
    "table": {"core"},
    "targets": {"kernels", "table", "simd", "core", *FORMULAS},
    "dispatch": {"targets", "table", "core"},
    "training": {"table", "core"},
    "linalg": {"training", "table", "core"},  # of training the threads
    "bindings": {"training", "linalg", "table", "core"},
}

INTRINSICS = (
    r"\b\w*(?:mmintrin|arm_neon|x86intrin)\.h\b|\b_mm\d*_\w+|\b__m(?:128|256|512)\w*|vector_size"
    r"|\bv\w+_[fsu](?:32|64)\b|\b(?:float|u?int)\d+x\d_t\b"
)
# Words of the standard library that are types or constants: nothing is compiled for them.
PLAIN_STD = (
    r"(?:ptrdiff_t|size_t|u?int\d+_t|numeric_limits|conditional_t|is_\w+_v|true_type|false_type)\b"
)
LAMBDA = r"(?<![\w\])>\[])\[[^\[\]]*\]\s*(?:\([^()]*\)\s*)?(?:mutable\b|noexcept\b|->[^{;]*|\s)*\{"
NOT_IN_A_REGION = {
    "a standard header": r"#\s*include\s*<",
    "the standard library at run time": rf"\bstd::(?!{PLAIN_STD})\w+",
    "a lambda": LAMBDA,
    "OpenMP": r"#\s*pragma\s+omp|\bomp_\w+",
}

PROCESSORS = {
    "avx2": {"x86_64", "amd64"},
    "avx512": {"x86_64", "amd64"},
    "neon": {"aarch64", "arm64"},
}
CROSS_TOOLS = {"neon": "aarch64-linux-gnu-"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code(path: Path) -> str:
    """Text of a C++ file without its comments, which may name what the code may not use."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def lines_with(pattern: str, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        text = code(path)
        for match in re.finditer(pattern, text):
            line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
            found.append(f"{name(path)}: {line.strip()}")
    return found


def room_of(path: Path) -> str:
    folder = path.relative_to(CPP).parts[0]
    if folder != "kernels":
        return folder
    if path.parent.name == "targets":
        return "targets"
    return "kernels" if path.name.endswith("-inl.hpp") else path.stem


def included(path: Path) -> Iterator[Path]:
    for word in re.findall(r'#\s*include\s*"([^"]+)"', code(path)):
        beside, from_the_top = path.parent / word, CPP / word
        assert beside.is_file() or from_the_top.is_file(), (
            f"{name(path)} includes no file of ours: {word}"
        )
        yield (beside if beside.is_file() else from_the_top).resolve()


def test_the_search_found_the_code() -> None:
    assert {room_of(path) for path in CPP_FILES} <= MAY_INCLUDE.keys()
    assert TARGET_FILES
    assert {*STUBS} <= {*PYTHON_FILES}
    assert len(CMAKE_FILES) >= 3


@pytest.mark.parametrize("path", CPP_FILES, ids=name)
def test_includes_follow_the_arrows(path: Path) -> None:
    allowed = {room_of(path)} | MAY_INCLUDE[room_of(path)]
    against = [name(other) for other in included(path) if room_of(other) not in allowed]
    assert not against, f"{room_of(path)} may include {sorted(allowed)}"


@pytest.mark.parametrize(
    ("technology", "pattern", "rooms"),
    [
        ("pybind11", r"pybind11|\bPy[A-Z]\w+|Python\.h", ("cpp/bindings/",)),
        ("OpenMP threads", r"#\s*pragma\s+omp\s+parallel", ("cpp/training/", "cpp/linalg/")),
        ("vector types", INTRINSICS, ("cpp/simd/", "cpp/kernels/targets/")),
    ],
    ids=["pybind11", "openmp", "vectors"],
)
def test_a_technology_stays_in_its_room(
    technology: str, pattern: str, rooms: tuple[str, ...]
) -> None:
    outside = [path for path in CPP_FILES if not name(path).startswith(rooms)]
    assert not lines_with(pattern, outside), f"{technology} belongs to {rooms}"
    inside = [path for path in CPP_FILES if name(path).startswith(rooms)]
    assert lines_with(pattern, inside), f"{technology} is nowhere: is the pattern still right?"


@pytest.mark.parametrize(("what", "pattern"), NOT_IN_A_REGION.items(), ids=NOT_IN_A_REGION)
def test_code_compiled_once_per_target_has_none_of(what: str, pattern: str) -> None:
    files = [path for path in CPP_FILES if room_of(path) in {"kernels", "simd", *FORMULAS}]
    assert files
    assert not lines_with(pattern, files), f"a target's region must not contain {what}"


@pytest.mark.parametrize("path", TARGET_FILES, ids=lambda path: path.stem)
def test_a_target_leaves_no_weak_symbol(path: Path, tmp_path: Path) -> None:
    # A weak symbol compiled with AVX-512 may be the copy the linker keeps for the whole program.
    # Unoptimised, because an optimiser hides most of them by inlining.
    machine = platform.machine().lower()
    if machine in PROCESSORS.get(path.stem, {machine}):
        tools = (os.environ.get("CXX", "c++"), "nm")
    elif path.stem in CROSS_TOOLS:
        tools = (f"{CROSS_TOOLS[path.stem]}g++", f"{CROSS_TOOLS[path.stem]}nm")
    else:
        pytest.skip(f"{path.stem} is not for this processor family ({machine})")
    compiler, nm = (shutil.which(tool) for tool in tools)
    if compiler is None or nm is None:
        pytest.skip(f"needs {' and '.join(tools)}")
    options = "-std=c++17 -O0 -fno-exceptions -ffp-contract=off -fno-math-errno -fno-trapping-math"
    built = tmp_path / "target.o"
    subprocess.run([compiler, *options.split(), f"-I{CPP}", "-c", path, "-o", built], check=True)
    symbols = subprocess.run([nm, "-C", built], check=True, capture_output=True, text=True).stdout
    assert symbols.strip()
    assert not re.findall(r"^[0-9a-f]+ [WwVvu] .*$", symbols, flags=re.MULTILINE)


@pytest.mark.parametrize("path", CMAKE_FILES, ids=name)
def test_the_build_is_the_same_on_every_machine(path: Path) -> None:
    text = path.read_text()
    for word in ("-march=native", "-mtune=native", "-ffast-math", "-Ofast", "FetchContent"):
        assert word not in text
    assert not re.search(r"file\s*\(\s*GLOB", text, flags=re.IGNORECASE), "list sources by name"


def test_cmake_lists_every_source() -> None:
    listed = set(re.findall(r"cpp/[\w/-]+\.cpp", (ROOT / "CMakeLists.txt").read_text()))
    assert listed == {name(path) for path in CPP_FILES if path.suffix == ".cpp"}


@pytest.mark.parametrize("path", [*CPP_FILES, *CPP_TEST_FILES, *PYTHON_FILES], ids=name)
def test_a_file_stays_below_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 400


def lines_of_code(function: ast.FunctionDef) -> int:
    """Lines without the docstring, which is as long as its reader needs."""
    docstring = function.body[0].end_lineno if ast.get_docstring(function) else function.lineno
    return (function.end_lineno or 0) - (docstring or 0)


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name)
def test_a_function_stays_below_60_lines(path: Path) -> None:
    functions = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    ]
    assert not {node.name for node in functions if lines_of_code(node) >= 60}


@pytest.mark.parametrize("host", ["pypi.org", "pythonhosted.org", "anaconda.org"])
def test_no_message_names_a_registry_host(host: str) -> None:
    sources = [path for path in PYTHON_FILES if path.is_relative_to(ROOT / "python")]
    naming = [path for path in [*CPP_FILES, *sources, *CMAKE_FILES] if host in path.read_text()]
    assert not naming


def stub_names(body: list[ast.stmt]) -> set[str]:
    """Public names a module or class of the stub declares."""
    declared = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    declared |= {
        node.target.id
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return {word for word in declared if not word.startswith("_")}


def public(names: list[str]) -> set[str]:
    return {word for word in names if not word.startswith("_")}


def declarations() -> list[ast.stmt]:
    return [node for stub in STUBS for node in ast.parse(stub.read_text()).body]


def test_the_stubs_declare_the_names_of_the_module() -> None:
    assert stub_names(declarations()) == public(dir(_core))


def test_the_stubs_declare_the_members_of_each_class() -> None:
    classes = [node for node in declarations() if isinstance(node, ast.ClassDef)]
    declared = {node.name: stub_names(node.body) for node in classes}
    assert declared == {cls: public(list(vars(getattr(_core, cls)))) for cls in declared}
