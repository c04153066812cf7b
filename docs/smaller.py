"""Pictures of pages, small enough for the repository: python docs/smaller.py FROM.png TO.png

At most 1400 pixels wide and 128 colours. The pages name the command that draws FROM.
"""

import sys

from PIL import Image

WIDEST, N_COLOURS = 1400, 128


def main(source: str, target: str) -> None:
    """Write the picture anew."""
    image = Image.open(source).convert("RGB")
    image.thumbnail((WIDEST, 2 * WIDEST))
    image.quantize(N_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
