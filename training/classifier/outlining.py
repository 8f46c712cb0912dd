"""A classifier that also outlines what it classifies, while it is trained."""

import keras
from keras import layers

from models.networks.fields import JoinFields
from training.classifier.views import CELLS

OUTLINING = {  # feature maps of 6 x 6 places, from which the outline is predicted; else the last one
    "vgg16": "block4_conv3_relu",
    "vgg19": "block4_conv4_relu",
    "resnet": "conv4_block2_out",
    "alexnet": "conv5_relu",
    "efficientnet": "stage5_block3_add",
}


def outlining(model: keras.Model) -> keras.Model:
    """A classifier with one more output: the readers' outline in both fields.

    Where a nodule lies teaches its feature maps more than ratings alone do (Caruana, Machine Learning 28, 41,
    1997). The output ``outline`` has the order of `models.networks.fields`: field, row, column.
    """
    layer, fields = OUTLINING.get(model.name), model.input.shape[-1]
    features = model.get_layer(layer).output if layer else model.get_layer("field_pool").input
    times = CELLS // features.shape[1]
    x = layers.Conv2DTranspose(32, times, times, activation="relu", name="outline_up")(features)
    x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="outline_cells")(x)
    x = JoinFields(fields, name="outline")(layers.Flatten(name="outline_flat")(x))
    return keras.Model(model.inputs, {**model.output, "outline": x}, name=model.name)


def classifier_of(model: keras.Model) -> keras.Model:
    """What `outlining` was given: the network without the outline."""
    outputs = {name: output for name, output in model.output.items() if name != "outline"}
    return keras.Model(model.inputs, outputs, name=model.name)
