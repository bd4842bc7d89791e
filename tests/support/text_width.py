"""How wide a heading is, in the typeface and size of Grafana's panel titles (Inter, medium, 14 px)."""

_SIZE, _SPACING = 14, 0.15
_WIDTHS = {
    260: " Iijl",
    310: "!',.:;·",
    350: "|t",
    390: "()fr/\\[]",
    430: "1{}`",
    500: '"-^_*?–',
    560: "Lvxyzck7s",
    600: "ehnouagFJ",
    630: "Ebdpq2358069",
    660: "4#$&BPRSTZ<>=+~≤×÷",
    700: "AKVXY",
    750: "CDGHNU",
    780: "OQ",
    840: "w",
    890: "m",
    920: "M",
    1000: "W@%",
}
"""Thousandths of the size, rounded up; what is not listed is as wide as the widest."""
_OF = {character: thousandths for thousandths, characters in _WIDTHS.items() for character in characters}


def width(text: str) -> float:
    """Pixels of one line."""
    return sum(_OF.get(character, 1000) * _SIZE / 1000 + _SPACING for character in text)
