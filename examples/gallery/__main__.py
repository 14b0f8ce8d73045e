"""Draw all pictures: ``python -m examples.gallery``."""

from pathlib import Path

from . import PICTURES, animation
from .style import save


def main() -> None:
    """Write the pictures into the current folder, and say what each shows."""
    animation.write(Path("descent.gif"))
    print("descent.gif: five methods on their way down, a frame for every other step")
    for name, (draw, shows) in PICTURES.items():
        save(draw(), Path(name))
        print(f"{name}: {shows}")


if __name__ == "__main__":
    main()
