"""Cases of bad input, and the test that each is refused with a message that helps."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest


class Refusal(NamedTuple):
    """A call, the error it must raise and patterns of which the message must hold every one.

    They are the argument, what is required of it, what came and, where there is one, the remedy.
    """

    name: str
    call: Callable[[], object]
    error: type[Exception]
    patterns: tuple[str, ...]

    def check(self) -> None:
        with pytest.raises(self.error) as caught:
            self.call()
        assert type(caught.value) is self.error
        message = str(caught.value)
        for pattern in self.patterns:
            assert re.search(pattern, message), f"{message!r} does not match {pattern!r}"


def argument(
    call: Callable[..., object],
    name: str,
    value: object,
    error: type[Exception],
    requirement: str,
    *remedy: str,
) -> Refusal:
    """One keyword argument that is refused, with its name, the requirement and its value."""
    label = f"{getattr(call, '__name__', 'call')} {name}={str(value)[:20]}"
    came = re.escape(f"got {value!r}")
    patterns = (rf"\b{name}\b", rf"must (not )?be .*{requirement}", came, *remedy)
    return Refusal(label, lambda: call(**{name: value}), error, patterns)


def named(refusal: Any) -> str:
    return str(refusal.name)
