"""Numbers of things in sentences."""


def number_of(number: int, noun: str) -> str:
    """Return a number with its noun: '1 image', '1,200 images'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
