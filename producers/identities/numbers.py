"""Phone numbers and addresses in one form each, however people and exchanges write them."""

import re
from functools import lru_cache

import phonenumbers

_FRACTION = re.compile(r"(?<=\d{7})\.0+$")
_CACHED = 1 << 16
_SHORTEST = 5
"""Digits from which on a number that fits no plan is somebody's all the same; shorter ones are desks and services."""


@lru_cache(_CACHED)
def normalise(phone: str, region: str) -> str | None:
    """A phone number in E.164 (`+79211234567`), None for what is none. `region` is where numbers without + belong."""
    text = _plain(phone)
    # 00 is how most of the world dials abroad, whatever the region's own plan says.
    tries = (text, "+" + text[2:]) if text.startswith("00") else (text, "+" + text)
    for one in tries:
        try:
            number = phonenumbers.parse(one, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) is not phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def local(phone: str) -> str | None:
    """The digits of a number that is too short for a plan (a call inside one town); None where they name nobody."""
    phone = _plain(phone)
    digits = "".join(character for character in phone if character.isdecimal())
    has_letters = any(character.isalpha() for character in phone)
    return digits if len(digits) >= _SHORTEST and not has_letters else None


def _plain(phone: str) -> str:
    """A number without the fraction that programs give it which take it for a quantity: 79211234567.0."""
    return _FRACTION.sub("", phone.strip())


def normalise_email(address: str) -> str | None:
    """An e-mail address in one form, None for what is none."""
    name, at, domain = address.strip().removeprefix("mailto:").rpartition("@")
    if not (name and at and domain) or any(character.isspace() or character in "<>,;" for character in name + domain):
        return None
    return f"{name}@{domain}".casefold()
