"""Which labelled pictures are meant: everything that a dataset's loader has to be told."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset by name and variant.

    Attributes:
        name: one of `moslab.datasets.NAMES`, or several joined by '+'.
        root: folder of the published datasets, see `moslab.utils.paths.data_root`; embedded ones need none.
        preset: the dataset's variant; a size of KonIQ-10k's pictures is ignored by other datasets.
            'attribute NAME' takes a published attribute as the score, see `moslab.datasets.attributes`.
        protocol: splits other than the dataset's own, see `moslab.datasets.protocols`.
        images: how many pictures an embedded dataset is generated with; published ones have their own number.
    """

    name: str
    root: str | None = None
    preset: str = "default"
    protocol: str = ""
    images: int | None = None

    @property
    def parts(self) -> list["DatasetSpec"]:
        """The joined datasets one by one; only itself for a single dataset."""
        return [replace(self, name=name) for name in self.name.split("+")]
