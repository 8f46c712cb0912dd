"""What all networks predict: LIDC's reading form.

Radiologists of LIDC-IDRI rated each nodule on fixed scales (Armato et al., Med. Phys. 38, 915, 2011).
Every network predicts the distribution of the malignancy rating, and, as auxiliary targets that make
its features more general (Caruana, Machine Learning 28, 41, 1997), the descriptors and the diameter.
"""

from keras import layers

from models.networks.scales import DESCRIPTOR_SCALES, RATINGS


def add_heads(features, dropout):
    """Global average pooling and the three heads.

    Parameters
    ----------
    features : KerasTensor of shape (batch, rows, cols, channels)
        The last feature map.
    dropout : float
        Share of pooled features dropped in training.

    Returns
    -------
    dict of KerasTensor
        ``rating`` (batch, 5): distribution over the malignancy ratings 1 to 5.
        ``descriptors`` (batch, 7): the descriptors in the order of `DESCRIPTOR_SCALES`, scaled to [0, 1].
        ``diameter`` (batch, 1): the diameter, scaled by `scale_diameter`.
    """
    pooled = layers.GlobalAveragePooling2D(name="pool")(features)
    pooled = layers.Dropout(dropout, name="dropout")(pooled)
    heads = {
        "rating": layers.Dense(len(RATINGS), activation="softmax", name="rating"),
        "descriptors": layers.Dense(len(DESCRIPTOR_SCALES), activation="sigmoid", name="descriptors"),
        "diameter": layers.Dense(1, name="diameter"),
    }
    return {name: head(pooled) for name, head in heads.items()}
