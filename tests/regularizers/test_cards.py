"""What every regularizer's file declares for its card, and the names that it is known by."""

import re

import pytest

from regbench.regularizers.base import DECLARED, FAMILIES, PLACES
from regbench.regularizers.registry import REGULARIZERS, called

YEAR = re.compile(r"\b(19|20)\d\d\b")
SECTION_OF_A_PLACE = {"input batch": "batch"}


@pytest.mark.parametrize("key", REGULARIZERS)
def test_declares_its_card_in_words_with_papers(key: str) -> None:
    kind = REGULARIZERS[key]
    for name in DECLARED:
        text = getattr(kind, name)
        assert text == " ".join(text.split()), f"{key}.{name} has odd blanks"
        assert text, f"{key}.{name} is empty"
    for name in ("source", "helps", "not_when"):
        assert YEAR.search(getattr(kind, name)), f"{key}.{name} names no paper with its year"
    for name in ("helps", "not_when"):
        text = getattr(kind, name)
        assert text[0].isupper(), f"{key}.{name} is no sentence"
        assert text.endswith("."), f"{key}.{name} is no sentence"
    assert kind.family() in FAMILIES


@pytest.mark.parametrize("key", REGULARIZERS)
def test_search_ranges_are_of_its_settings(key: str) -> None:
    kind = REGULARIZERS[key]
    assert set(kind.search) <= set(kind.model_fields)


@pytest.mark.parametrize("key", REGULARIZERS)
def test_is_found_by_its_aliases(key: str) -> None:
    kind = REGULARIZERS[key]
    for name in (key, kind.title, *kind.aliases):
        assert key in called(name), f"{name!r} is the key of another: {called(name)}"


def test_every_place_belongs_to_a_family() -> None:
    assert {SECTION_OF_A_PLACE.get(place, place) for place in PLACES} <= set(FAMILIES)
