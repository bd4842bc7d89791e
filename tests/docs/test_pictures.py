"""Pictures in documents are small: everybody who clones the repository gets all that there ever were."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_BYTES = 200_000
"""Of a screen of 1920 × 1080 in 256 colours; in all colours it has twice as many."""


def test_pictures_have_a_palette():
    """`.quantize(256, dither=NONE)` of Pillow, saved with `optimize`, is as sharp as a screenshot."""
    pictures = list(ROOT.glob("deploy/docs/**/*.png"))
    assert pictures
    assert {path.name: path.stat().st_size for path in pictures if path.stat().st_size > MOST_BYTES} == {}
