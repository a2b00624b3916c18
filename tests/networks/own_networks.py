"""Functions as a user would write them, that build networks."""

import keras
from keras import layers

from regbench.networks.hooks import Hooks


def with_hooks(image_shape: tuple[int, int, int], classes: int, hooks: Hooks) -> keras.Model:
    values = hooks.inputs()
    for number, filters in enumerate((4, 6)):
        values = layers.Conv2D(filters, 3, padding="same", strides=number + 1)(values)
        values = hooks.before_activation(values)
        values = hooks.after_activation(layers.Activation("relu")(values))
    return hooks.model(layers.GlobalAveragePooling2D()(values))


def without_hooks(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Dropout(0.1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def with_a_softmax_layer(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    image = keras.Input(image_shape)
    values = layers.Dense(classes)(layers.Flatten()(image))
    return keras.Model(image, layers.Softmax()(values))


def of_raw_images(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    image = keras.Input(image_shape, dtype="uint8")
    values = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(classes, name="logits")(values))


def nested(image_shape: tuple[int, int, int], classes: int, hooks: Hooks) -> keras.Model:
    image = keras.Input(image_shape)
    return keras.Model(image, without_hooks(image_shape, classes, hooks)(image))


def of_too_many_classes(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    return without_hooks(image_shape, classes + 1, _)


def of_other_images(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    height, width, channels = image_shape
    return without_hooks((height + 1, width, channels), classes, _)


def ending_in_sigmoid(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    image = keras.Input(image_shape)
    return keras.Model(image, layers.Dense(classes, activation="sigmoid")(layers.Flatten()(image)))


def with_nested_softmax(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    image = keras.Input(image_shape)
    inner = with_a_softmax_layer(image_shape, classes, _)
    return keras.Model(image, inner(image))


def with_lambda(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    image = keras.Input(image_shape)
    values = layers.Lambda(lambda pixels: pixels * 2)(image)
    return keras.Model(image, layers.Dense(classes)(layers.Flatten()(values)))


def that_fails(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    raise RuntimeError("no such luck\nand more")


def no_model(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> str:
    return "a network"


def model_before_inputs(
    image_shape: tuple[int, int, int], classes: int, hooks: Hooks
) -> keras.Model:
    return hooks.model(keras.Input((3,)))


def _with(layer: keras.Layer, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    return keras.Sequential(
        [keras.Input(image_shape), layers.Flatten(), layer, layers.Dense(classes)]
    )


def with_a_penalty(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    return _with(layers.Dense(4, kernel_regularizer="l2", name="mine"), image_shape, classes)


def with_a_constraint(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    return _with(layers.Dense(4, bias_constraint="max_norm", name="mine"), image_shape, classes)


def with_an_activity_penalty(
    image_shape: tuple[int, int, int], classes: int, _: Hooks
) -> keras.Model:
    inner = _with(layers.ActivityRegularization(l1=0.1, name="mine"), image_shape, 5)
    image = keras.Input(image_shape)
    return keras.Model(image, layers.Dense(classes)(inner(image)))


def of_probabilities(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    image = keras.Input(image_shape)
    shares = layers.Dense(classes, activation="softmax")(layers.Flatten()(image))
    return keras.Model(image, layers.Activation("linear")(shares))


def without_weights(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    pooled = layers.AveragePooling2D(image_shape[:2])
    fixed = layers.Conv2D(classes, 1, trainable=False)
    return keras.Sequential([keras.Input(image_shape), fixed, pooled, layers.Flatten()])


def that_exits(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    raise SystemExit("not today")


def that_scales_again(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    return _with(layers.Rescaling(1 / 255, name="mine"), image_shape, classes)


def of_half_precision(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    return _with(layers.Dense(4, dtype="float16", name="mine"), image_shape, classes)


def of_double_precision(
    image_shape: tuple[int, int, int], classes: int, hooks: Hooks
) -> keras.Model:
    values = layers.Flatten()(hooks.inputs())
    return hooks.model(layers.Dense(4, dtype="float64", name="mine")(values))


def of_mixed_precision(image_shape: tuple[int, int, int], classes: int, _: Hooks) -> keras.Model:
    return _with(layers.Dense(4, dtype="mixed_float16", name="mine"), image_shape, classes)
