"""Small sets in the place of published ones, for tests."""

from moslab.world import World, generate

SIZES = {
    "like_spaq": 400,
    "like_livec": 400,
    "like_kadid10k": 300,
    "like_csiq": 300,
    "like_tad66k": 500,
    "like_icaa17k": 400,
    "like_aadb": 400,
    "like_para": 400,
    "like_konvid1k": 60,
    "like_avacaptions": 400,
}


def make_sets() -> dict[str, World]:
    """The small sets by name."""
    return {name: generate(name, n=n) for name, n in SIZES.items()}
