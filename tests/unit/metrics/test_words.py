"""The wall has a word for every key: `word` shows the key itself where there is none, and says nothing."""

import re
from pathlib import Path

from metrics.catalogue import ANSWERS, KPIS, TILES
from metrics.catalogue.values import values
from metrics.digest.wall import LANGUAGES, words
from metrics.kpi import Plan, Sum, leaves

WALL = Path(__file__).parents[3] / "metrics/exporter/wall"
ASKED = {
    key
    for file in (*WALL.glob("*.js"), *WALL.glob("*.html"))
    for key in re.findall(r'(?:\bword\(|\bdata-t(?:-title|-label)?=)"(\w+)"', file.read_text())
}
"""Keys that scripts and pages name as they are."""


def test_both_languages_have_the_same_words():
    """What is said in one is said in the other."""
    english, russian = (words(language) for language in LANGUAGES)
    assert english.keys() == russian.keys()
    assert not [key for key in english if not english[key] or not russian[key]]


def test_tiles_name_words_that_there_are():
    """`name` and `about` of a tile in the catalogue are keys of words.js."""
    named = {key for tile in (*TILES, *ANSWERS) for key in (tile.about, *(one.name for one in tile.more)) if key}
    assert named <= words("en").keys(), "add them to metrics/exporter/wall/words.js, in both languages"


def test_values_of_labels_have_words():
    """Of every label that a KPI keeps or counts some of; ages in days say what they are."""
    kept = {(label, value) for kpi in KPIS for label in kpi.by for value in values(kpi, label)}
    leaves_of = [leaf for kpi in KPIS for leaf in leaves(kpi.formula)]
    counted = {
        (label, value)
        for leaf in leaves_of
        if isinstance(leaf, Sum)
        for label in leaf.where
        for value in leaf.where[label]
    }
    counted |= {("measure", leaf.measure) for leaf in leaves_of if isinstance(leaf, Plan)}
    wanted = {f"{label}_{value}" for label, value in kept | counted if not value[0].isdigit()}
    assert {"outcome_lost", "channel_call", "temperature_cold", "measure_calls"} <= wanted <= words("en").keys()


def test_scripts_and_pages_name_words_that_there_are():
    """The same of what is written into the wall itself."""
    assert len(ASKED) > 50
    assert words("en").keys() >= ASKED, "add them to metrics/exporter/wall/words.js, in both languages"
