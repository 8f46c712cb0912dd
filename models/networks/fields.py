"""Both fields of a patch through one and the same network, joined after its last feature map.

A field is an image of its own batch entry on the way, as the branches of a siamese network share their
weights (Bromley et al., Advances in Neural Information Processing Systems 6, 737, 1993).
"""

from typing import Any

from keras import KerasTensor, layers, ops


class SplitFields(layers.Layer):
    """Patches (n, rows, cols, fields) -> images (n x fields, rows, cols, 1), a patch's in a row."""

    def call(self, patches: Any) -> Any:
        rows, cols = patches.shape[1:3]
        return ops.reshape(ops.transpose(patches, (0, 3, 1, 2)), (-1, rows, cols, 1))


class JoinFields(layers.Layer):
    """Features (n x fields, channels) -> (n, fields x channels), those of the first field first."""

    def __init__(self, fields: int, **options: Any) -> None:
        super().__init__(**options)
        self.fields = fields

    def call(self, features: Any) -> Any:
        return ops.reshape(features, (-1, self.fields * features.shape[-1]))

    def compute_output_shape(self, shape: tuple[int | None, int]) -> tuple[int | None, int]:
        return None, self.fields * shape[1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fields": self.fields}


def split_fields(patches: KerasTensor) -> KerasTensor:
    """The fields of patches, each an image of one channel."""
    return SplitFields(name="fields")(patches)


def pooled_fields(features: KerasTensor, fields: int) -> KerasTensor:
    """Global average of the last feature map (n x fields, rows, cols, channels) of each field, joined."""
    pooled = layers.GlobalAveragePooling2D(name="field_pool")(features)
    return JoinFields(fields, name="pool")(pooled)
