"""Words of sentences that depend on numbers."""


def plural(count: int, one: str, many: str) -> str:
    """The number with its noun: "1 picture", "2 pictures"."""
    noun = one if count == 1 else many
    return f"{count} {noun}"
