"""Networks of keras.applications: their images, weights from files, and phases."""

import importlib
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from tests.networks.every_kind import plan

from regbench.errors import StudyError
from regbench.networks.applications import APPLICATIONS, WITH_ALPHA, scaled, smallest_side
from regbench.networks.inference import architecture, network_from_architecture, predict
from regbench.networks.kinds.pretrained import Pretrained

SMALL = {"application": "MobileNetV2", "alpha": 0.35}
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)


def body_of(network: keras.Model) -> keras.Model:
    return network.get_layer("pretrained")


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A small network whose weights a file may have, as somebody else trained it."""
    made = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, pooling="avg", weights=None
    )
    numbers = np.random.default_rng(7)
    for weight in made.weights:
        weight.assign(numbers.uniform(0.1, 0.3, weight.shape))
    return made


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return Pretrained.model_validate({**SMALL, "weights": None}).built(plan())


def test_every_application_of_keras_may_be_named() -> None:
    there = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(APPLICATIONS) == there


def _module_of(application: str) -> Any:
    made = getattr(keras.applications, application)
    return importlib.import_module(made.__module__)


@pytest.mark.parametrize("application", APPLICATIONS)
def test_pixels_are_scaled_as_the_application_does(application: str) -> None:
    image = keras.Input((8, 8, 3), dtype="uint8")
    scaling = keras.Model(image, scaled(application, image))
    expected = _module_of(application).preprocess_input(IMAGES.astype(np.float32))
    np.testing.assert_allclose(scaling(IMAGES), expected, rtol=1e-5, atol=1e-4)
    again = keras.models.model_from_json(scaling.to_json())
    np.testing.assert_array_equal(again(IMAGES), scaling(IMAGES))


@pytest.mark.parametrize("application", ["MobileNetV2", "Xception", "InceptionV3"])
def test_the_smallest_side_is_what_keras_refuses_less_than(application: str) -> None:
    made, side = getattr(keras.applications, application), smallest_side(application)
    with pytest.raises(ValueError, match="at least"):
        made(input_shape=(side - 1, side, 3), weights=None, include_top=False)


@pytest.mark.parametrize("suffix", ["weights.h5", "keras"])
def test_weights_are_those_of_the_file(small: keras.Model, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"small.{suffix}"
    small.save_weights(path) if suffix == "weights.h5" else small.save(path)
    settings = Pretrained.model_validate({**SMALL, "weights": str(path)})
    assert settings.files() == (str(path),)
    found = body_of(settings.built(plan()))
    for weight, expected in zip(found.weights, small.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy())


def test_images_are_enlarged_and_scaled_inside(small: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "small.weights.h5"
    small.save_weights(path)
    network = Pretrained.model_validate({**SMALL, "weights": str(path)}).built(plan())
    enlarged = keras.ops.image.resize(IMAGES.astype(np.float32), (32, 32))
    features = small(enlarged / 127.5 - 1.0, training=False)
    expected = network.get_layer("probabilities")(network.get_layer("logits")(features))
    np.testing.assert_allclose(predict(network, IMAGES, np.arange(5)), expected, rtol=1e-3)


def test_grey_images_are_repeated_as_colours() -> None:
    settings = Pretrained.model_validate({**SMALL, "weights": None})
    network = settings.built(plan(shape=(8, 8, 1)))
    in_colour = settings.built(plan())
    grey = IMAGES[..., :1]
    np.testing.assert_allclose(
        predict(network, grey, np.arange(5)),
        predict(in_colour, np.repeat(grey, 3, axis=-1), np.arange(5)),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("shape", "resize", "sides"),
    [((8, 16, 3), None, (32, 64)), ((40, 33, 3), None, None), ((40, 33, 3), 48, (48, 48))],
)
def test_is_given_images_of_a_size_that_it_takes(
    shape: tuple[int, int, int], resize: int | None, sides: tuple[int, int] | None
) -> None:
    settings = Pretrained.model_validate({**SMALL, "weights": None, "resize": resize})
    said = settings.notes(shape)
    if sides is None:
        assert said == []
    else:
        assert said == [
            f"MobileNetV2: images of {shape[0]} x {shape[1]} are resized to {sides[0]} x "
            f"{sides[1]} inside of the network"
        ]
    body = body_of(settings.built(plan(shape=shape)))
    assert body.input_shape[1:3] == (sides or shape[:2])


def _damaged(path: Path, small: keras.Model) -> str:
    path.write_bytes(b"no weights" * 100)
    return "file signature not found"


def _cut(path: Path, small: keras.Model) -> str:
    small.save_weights(path)
    path.write_bytes(path.read_bytes()[:-5000])
    return "truncated"


def _of_another(path: Path, small: keras.Model) -> str:
    other = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.5, include_top=False, pooling="avg", weights=None
    )
    other.save_weights(path)
    return "could not be loaded"


def _of_a_stranger(path: Path, small: keras.Model) -> str:
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(path)
    return ""


@pytest.mark.parametrize("make", [_damaged, _cut, _of_another, _of_a_stranger])
def test_a_file_without_its_weights_is_one_line(
    small: keras.Model, tmp_path: Path, make: Any
) -> None:
    path = tmp_path / "mine.weights.h5"
    said = make(path, small)
    settings = Pretrained.model_validate({**SMALL, "weights": str(path)})
    with pytest.raises(StudyError) as caught:
        settings.built(plan())
    message = caught.value.message
    begin = f"parameters_networks.yml: weights: {path} holds no weights of MobileNetV2"
    assert message.startswith(f"{begin} (include_top=False, alpha=0.35): ")
    assert said in message
    assert "\n" not in message


def test_a_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    settings = Pretrained.model_validate({**SMALL, "weights": str(tmp_path / "gone.h5")})
    with pytest.raises(StudyError, match=r"weights: there is no file .*gone\.h5"):
        settings.built(plan())


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise Exception("URL fetch failure on somewhere: None -- unreachable\nand more")

    monkeypatch.setattr(keras.applications, "MobileNetV2", refused)
    settings = Pretrained.model_validate({**SMALL, "weights": "imagenet"})
    assert settings.files() == ()
    with pytest.raises(StudyError) as caught:
        settings.built(plan())
    assert caught.value.message == (
        "parameters_networks.yml: weights: imagenet: cannot fetch those of MobileNetV2 (URL fetch "
        "failure on somewhere: None -- unreachable); on a machine with access, "
        "keras.applications.MobileNetV2(include_top=False, alpha=0.35).save_weights("
        "'NAME.weights.h5') makes a file to bring: weights: PATH"
    )


def test_an_application_keeps_its_name_until_it_has_its_layers_and_weights() -> None:
    """EfficientNetV2 chooses its layers by it, and others the file to fetch."""
    network = Pretrained(application="EfficientNetV2B0", weights=None).built(plan())
    assert network.get_layer("pretrained").output.shape == (None, 1280)
    again = network_from_architecture(architecture(network))
    assert [weight.shape for weight in again.weights] == [w.shape for w in network.weights]


class TestPhases:
    HEAD: ClassVar = {"epochs": 2, "learning_rate": 0.01}

    def phases(self, network: keras.Model, **tuned: Any) -> list[Any]:
        entry = {**SMALL, "weights": None, "head": self.HEAD}
        entry["fine_tune"] = {"epochs": 3, "learning_rate": 1e-5, **tuned}
        return list(Pretrained.model_validate(entry).phases(network))

    def test_without_settings_the_training_is_one(self, network: keras.Model) -> None:
        assert list(Pretrained.model_validate({**SMALL, "weights": None}).phases(network)) == []

    def test_first_the_head_alone_then_the_upper_layers(self, network: keras.Model) -> None:
        head, tuned = self.phases(network, **{"from": "block_13"})
        assert (head.name, head.epochs, head.learning_rate) == ("head", 2, 0.01)
        assert (tuned.name, tuned.epochs, tuned.learning_rate) == ("fine_tune", 3, 1e-5)
        layers = body_of(network).layers
        assert head.frozen == {layer.name for layer in layers}
        trained = [layer.name for layer in layers if layer.name not in tuned.frozen]
        assert trained[0] == "block_13_expand"
        assert "block_12_project" in tuned.frozen
        assert all("BN" not in name for name in trained if name in self.normalizations(network))
        assert self.normalizations(network) <= tuned.frozen

    @staticmethod
    def normalizations(network: keras.Model) -> set[str]:
        kind = keras.layers.BatchNormalization
        return {layer.name for layer in body_of(network).layers if isinstance(layer, kind)}

    def test_batch_normalization_may_be_tuned_too(self, network: keras.Model) -> None:
        _, tuned = self.phases(network, **{"from": "block_13", "batch_normalization": True})
        assert "block_13_expand_BN" not in tuned.frozen
        assert "block_12_expand_BN" in tuned.frozen

    @pytest.mark.parametrize("share", [0, 0.5, 1])
    def test_a_share_counts_layers_from_the_image(self, network: keras.Model, share: float) -> None:
        _, tuned = self.phases(network, **{"from": share, "batch_normalization": True})
        assert len(tuned.frozen) == round(share * len(body_of(network).layers))

    def test_a_layer_that_there_is_not_is_one_line(self, network: keras.Model) -> None:
        with pytest.raises(StudyError) as caught:
            self.phases(network, **{"from": "blok_13"})
        assert caught.value.message == (
            "parameters_networks.yml: fine_tune.from: no layer of MobileNetV2 begins with "
            "'blok_13'; they are Conv1, bn_Conv1, expanded_conv_depthwise, ..., "
            "block_16_project_BN, Conv_1, Conv_1_bn"
        )

    def test_settings_are_written_as_they_are_read(self) -> None:
        tuned = {"from": "block_13", "epochs": 1, "learning_rate": 0.1, "batch_normalization": True}
        entry = Pretrained.model_validate({**SMALL, "weights": None, "fine_tune": tuned}).as_entry()
        assert entry["fine_tune"] == tuned
        assert entry["kind"] == "pretrained"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"application": "ResNet50"}, f"alpha is a setting of {', '.join(WITH_ALPHA)} only"),
        ({"resize": 31}, "resize must be at least 32 for MobileNetV2"),
        ({"weights": "weights.npz"}, "a file that ends in .h5 or .keras"),
        ({"application": "MobileNetV9"}, "Input should be 'ConvNeXtBase'"),
        ({"fine_tune": {"from": 1.5, "epochs": 1, "learning_rate": 1}}, "a share from 0 to 1"),
        ({"head": {"epochs": 0, "learning_rate": 1}}, "greater than or equal to 1"),
    ],
)
def test_wrong_settings_are_told(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Pretrained.model_validate({**SMALL, "weights": None, **changed})
    assert said in str(caught.value)
