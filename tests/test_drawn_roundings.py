"""What rounds states of 16 bits up or down: even chances, and no number knows of another."""

import numpy as np
import pytest

import fallline as fl
from fallline.typing import BoolArray, Float64Array

N = 1 << 16
MOMENTS = 2
ARRAYS = 2
GRADIENT = 0.3


def rounded_up(steps: int = 0, gradient: float = GRADIENT) -> tuple[BoolArray, Float64Array]:
    """Which moments of equal gradients were rounded up after so many steps, and how many should be.

    Returns
    -------
    up : ndarray of shape (ARRAYS, MOMENTS, N)
        Whether the number was rounded up.
    chances : ndarray of shape (MOMENTS,)
        Of that, the same for all elements.
    """
    grads = [np.full(N, gradient, np.float32) for _ in range(ARRAYS)]
    slots = []
    for state_dtype in ("bfloat16", None):
        adam = fl.optim.Adam(0.1, state_dtype=state_dtype)
        params = [np.zeros(N, np.float32) for _ in range(ARRAYS)]
        adam.bind(params, grads)
        state = adam.state_dict()
        state["steps"] = steps  # of moments that are still zero
        adam.load_state_dict(state)
        adam.step(params, grads)
        slots.append([adam.state_dict()["slots"][k] for k in range(ARRAYS)])
    rough, exact = (np.array(of) for of in slots)
    bits = exact.view(np.uint32)
    chances = (bits[0, :, 0] & 0xFFFF) / 2.0**16
    up = rough.astype(np.int64) - (bits >> 16)
    assert set(np.unique(up)) == {0, 1}
    return up == 1, chances


def correlation(a: BoolArray, b: BoolArray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


# Six standard deviations of a mean of as many independent numbers, in units of their own.
ALLOWED = 6 / np.sqrt(N)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("gradient", [0.3, 0.31, 1.7, 5e-5])
def test_chances_are_what_lies_between_two_numbers(gradient: float) -> None:
    up, chances = rounded_up(gradient=gradient)
    deviations = np.sqrt(chances * (1 - chances))[:, None]
    means = up.mean(axis=2).T
    assert (np.abs(means - chances[:, None]) <= ALLOWED * deviations).all()


def test_moments_of_an_element_are_rounded_apart() -> None:
    up, _ = rounded_up()
    assert abs(correlation(up[0, 0], up[0, 1])) <= ALLOWED
    for distance in (1, 16):
        assert abs(correlation(up[0, 0, distance:], up[0, 1, :-distance])) <= ALLOWED
        assert abs(correlation(up[0, 1, distance:], up[0, 0, :-distance])) <= ALLOWED


def test_elements_are_rounded_apart() -> None:
    up, _ = rounded_up()
    for moment in up[0]:
        for distance in [*range(1, 65), 1024, 4096, N // 2]:
            found = correlation(moment[distance:], moment[:-distance])
            assert abs(found) <= 6 / np.sqrt(N - distance), distance


def test_arrays_and_steps_are_rounded_apart() -> None:
    (up, _), (later, _) = rounded_up(), rounded_up(steps=1)
    for k in range(MOMENTS):
        assert abs(correlation(up[0, k], up[1, k])) <= ALLOWED
        assert abs(correlation(up[0, k], later[0, k])) <= ALLOWED


def test_chances_within_a_block_are_even_too() -> None:
    up, chances = rounded_up()
    blocks = up.reshape(ARRAYS, MOMENTS, -1, 32).mean(axis=2)  # by place among 32
    deviations = np.sqrt(chances * (1 - chances) * 32 / N)[:, None]
    assert (np.abs(blocks - chances[:, None]) <= 6 * deviations).all()
