"""The networks of ``keras.applications``: the images that each takes, and how it scales them."""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import keras

Application = Literal[
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetLarge",
    "NASNetMobile",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
]
APPLICATIONS: tuple[str, ...] = get_args(Application)

# Applications with a width multiplier.
WITH_ALPHA = tuple(name for name in APPLICATIONS if name.startswith("MobileNet"))

# Pixels of the shorter side that a network takes at least; `keras.applications` refuses less.
_SMALLEST = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
_SMALLEST_OF_OTHERS = 32
# Means of ImageNet's blue, green and red, in grey levels, and means and deviations of red, green
# and blue in shares of 1: `keras.applications.imagenet_utils.preprocess_input`.
_CAFFE_MEANS = [103.939, 116.779, 123.68]
_TORCH_MEANS, _TORCH_DEVIATIONS = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def smallest_side(application: str) -> int:
    """Return the pixels that height and width of an image need at least."""
    return _SMALLEST.get(application, _SMALLEST_OF_OTHERS)


def scaled(application: str, values: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return pixels from 0 to 255, B x H x W x 3, scaled as a network was trained with.

    The same as the application's own ``preprocess_input``, as layers. Some applications scale
    inside of the network; for these, the pixels as they are, float32.
    """
    import keras

    if application.startswith(("VGG", "ResNet")) and not application.endswith("V2"):
        values = keras.ops.flip(keras.layers.Rescaling(1.0, name="pixels")(values), axis=-1)
        offset = [-mean for mean in _CAFFE_MEANS]
        return keras.layers.Rescaling(1.0, offset, name="scaling")(values)
    if application.startswith("DenseNet"):
        scale = [1 / (255 * deviation) for deviation in _TORCH_DEVIATIONS]
        offset = [-m / d for m, d in zip(_TORCH_MEANS, _TORCH_DEVIATIONS, strict=True)]
        return keras.layers.Rescaling(scale, offset, name="scaling")(values)
    if application.startswith(("ConvNeXt", "EfficientNet", "MobileNetV3")):
        return keras.layers.Rescaling(1.0, name="pixels")(values)
    return keras.layers.Rescaling(1 / 127.5, -1.0, name="scaling")(values)
