"""Every kernel on every target: those of this processor family and, emulated, those of arm64.

``tests/cpp/words.cpp`` checks the vocabulary of one target. ``tests/cpp/bits.cpp`` runs the kernels
of all, taken from their table, at lengths around the vector width and at three misalignments,
between guards, and prints a digest of each kernel's bits.
"""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from fallline import _core

ROOT = Path(__file__).resolve().parent.parent
CMAKE = (ROOT / "CMakeLists.txt").read_text()
MACHINE = platform.machine().lower()
HERE = {"arm64": "aarch64", "amd64": "x86_64"}.get(MACHINE, MACHINE)
TARGETS = {HERE: ["baseline"]} | {
    "x86_64": ["avx512", "avx2", "baseline"],
    "aarch64": ["neon", "baseline"],
}
BUILD_SECONDS, RUN_SECONDS = 600, 300  # a hang ends there; neither takes a tenth of it

Digests: TypeAlias = dict[str, dict[str, str]]  # target -> kernel -> digest


class Toolchain(NamedTuple):
    """Builds programs for a processor family and runs them here."""

    compiler: str
    emulator: list[str]
    link: list[str]

    def build(self, program: Path, *arguments: str) -> Path:
        found = re.search(r"target_compile_options\(_core PRIVATE ([^)]*)\)", CMAKE)
        assert found
        command = [self.compiler, "-std=c++17", "-O1", "-Icpp", *found[1].split(), *arguments]
        command += [*self.link, "-o", str(program)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=BUILD_SECONDS)
        return program

    def run(self, program: Path) -> str:
        done = subprocess.run(
            [*self.emulator, program],
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-200:]}\n{done.stderr}"
        return done.stdout


def toolchain(family: str) -> Toolchain:
    if family == HERE:
        compiler = shutil.which(os.environ.get("CXX", "c++"))
        if compiler is None:
            pytest.skip("needs a C++ compiler")
        return Toolchain(compiler, [], [])
    cross, emulator = shutil.which(f"{family}-linux-gnu-g++"), shutil.which(f"qemu-{family}")
    if cross is None or emulator is None:
        pytest.skip(f"needs {family}-linux-gnu-g++ and qemu-{family}")
    return Toolchain(cross, [emulator], ["-static"])  # so that the emulator needs no libraries


def digests(family: str, folder: Path) -> Digests:
    kernels = sorted(set(re.findall(r"cpp/kernels/\S+\.cpp", CMAKE)))
    tools = toolchain(family)
    found: Digests = {}
    for line in tools.run(
        tools.build(folder / "bits", "tests/cpp/bits.cpp", *kernels)
    ).splitlines():
        target, kernel_and_digest = line.split(" ", 1)
        kernel, digest = kernel_and_digest.rsplit(" ", 1)
        assert kernel not in found.setdefault(target, {}), line
        found[target][kernel] = digest
    return found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Digests:
    return digests(HERE, tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Digests:
    return digests("aarch64", tmp_path_factory.mktemp("arm64"))


def instructions(target: str) -> list[str]:
    """Flags for what the target's region allows the compiler to use."""
    region = (ROOT / "cpp" / "kernels" / "targets" / f"{target}.cpp").read_text()
    found = re.search(r'GCC target\("([^"]*)"\)', region)
    return [f"-m{name}" for name in found[1].split(",")] if found else []


@pytest.mark.parametrize(
    ("family", "target"),
    [(family, target) for family in dict.fromkeys([HERE, "aarch64"]) for target in TARGETS[family]],
)
def test_every_word_of_the_vocabulary_means_what_it_should(
    family: str, target: str, tmp_path: Path
) -> None:
    if family == HERE and target not in _core.targets():
        pytest.skip(f"this machine cannot run {target}")
    tools = toolchain(family)
    arguments = [f'-DFALLLINE_WORDS="simd/{target}-inl.hpp"', *instructions(target)]
    if target != "baseline":
        arguments.append("-DFALLLINE_FUSED")
    tools.run(tools.build(tmp_path / "words", "tests/cpp/words.cpp", *arguments))


def test_every_target_runs_every_kernel(here: Digests) -> None:
    assert list(here) == _core.targets()
    losses = {
        f"loss {loss} {what}"
        for loss in _core.losses()
        for what in ("residuals", "descend", "tile")
    }
    losses |= {
        f"loss {loss} of heads{lanes}"
        for loss in [*_core.losses(), *_core.coupled_losses()]
        for lanes in ("", " in lanes of features")
    }
    rules = {f"rule {rule}{heads}" for rule in _core.rules() for heads in ("", " of heads")}
    rules |= {
        f"rule {rule} {kind}"
        for rule in _core.array_rules()
        for kind in ("of arrays", "with slots of bfloat16")
    }
    functions = {f"function {function}" for function in _core.functions()}
    expected = {
        f"{dtype} {kernel}"
        for dtype in ("float32", "float64")
        for kernel in losses | rules | functions
    } | {f"{dtype} source {kind}" for kind, dtype in _core.sources().items()}
    for kernels in here.values():
        assert expected <= kernels.keys()
        assert kernels.keys() == next(iter(here.values())).keys()


def test_targets_with_fma_have_the_same_bits(here: Digests) -> None:
    fused = [kernels for target, kernels in here.items() if target != "baseline"]
    assert fused == fused[:1] * len(fused)


def test_the_digests_tell_fused_from_unfused(here: Digests) -> None:
    for target, kernels in here.items():
        if target != "baseline":
            same = [kernel for kernel in kernels if kernels[kernel] == here["baseline"][kernel]]
            telling = r" tile$|features$|margins|adam|function exp$"
            assert not [kernel for kernel in same if re.search(telling, kernel)]


@pytest.mark.skipif(HERE == "aarch64", reason="the targets of this machine are those of arm64")
def test_arm64_has_the_bits_of_this_machine(here: Digests, arm64: Digests) -> None:
    assert list(arm64) == TARGETS["aarch64"]
    for target, kernels in here.items():
        assert kernels == arm64["baseline" if target == "baseline" else "neon"], target
