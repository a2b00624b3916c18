"""Learning rate schedules, against those of Keras and the formulas of PyTorch."""

import math
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from regbench.metrics.registry import METRICS
from regbench.optimization.schedules import SCHEDULES, Horizon, Schedule

EPOCHS, STEPS = 6, 7
HORIZON = Horizon(EPOCHS, STEPS)


def schedule(name: str, **settings: Any) -> Schedule:
    made: Schedule = TypeAdapter(Schedule).validate_python({"name": name, **settings})
    return made


def shares(made: Schedule, horizon: Horizon = HORIZON) -> list[float]:
    return [made.share(step, horizon) for step in range(horizon.steps)]


def of_keras(made: Any) -> list[float]:
    return [float(made(step)) for step in range(HORIZON.steps)]


def test_every_schedule_has_its_name_and_source() -> None:
    for name, kind in SCHEDULES.items():
        made = schedule(name)
        assert type(made) is kind
        assert kind.title
        assert kind.source


def test_constant_is_one_to_the_bit() -> None:
    assert shares(schedule("constant")) == [1.0] * HORIZON.steps


@pytest.mark.parametrize("final", [0.0, 0.2])
@pytest.mark.parametrize(
    ("warmup", "unit", "steps"), [(0, "epochs", 0), (1.5, "epochs", 10), (3, "steps", 3)]
)
def test_cosine_is_that_of_keras(final: float, warmup: float, unit: str, steps: int) -> None:
    expected = keras.optimizers.schedules.CosineDecay(
        1 / (steps + 1) if steps else 1.0,
        HORIZON.steps - steps,
        alpha=final,
        warmup_target=1.0 if steps else None,
        warmup_steps=steps,
    )
    found = shares(schedule("cosine", final=final, warmup=warmup, unit=unit))
    np.testing.assert_allclose(found, of_keras(expected), rtol=1e-5, atol=1e-6)
    assert min(found[:1]) > 0  # no step is lost
    assert found[-1] - final < 0.01


def test_step_is_the_staircase_of_keras() -> None:
    expected = keras.optimizers.schedules.ExponentialDecay(1.0, 2 * STEPS, 0.3, staircase=True)
    found = shares(schedule("step", every=2, factor=0.3))
    np.testing.assert_allclose(found, of_keras(expected), rtol=1e-6)
    np.testing.assert_allclose(shares(schedule("step", factor=0.3)), found)  # thirds of 6 epochs
    expected = keras.optimizers.schedules.ExponentialDecay(1.0, 5, 0.1, staircase=True)
    np.testing.assert_allclose(
        shares(schedule("step", every=5, unit="steps")), of_keras(expected), rtol=1e-6
    )


def test_warmup_rises_linearly_to_the_whole_rate() -> None:
    found = shares(schedule("constant", warmup=2))
    np.testing.assert_allclose(found[: 2 * STEPS], np.arange(1, 15) / 15)
    assert found[2 * STEPS :] == [1.0] * 4 * STEPS


@pytest.mark.parametrize(("peak", "start", "final"), [(0.3, 0.04, 4e-6), (0.5, 0.1, 0.0)])
def test_one_cycle_is_that_of_pytorch(peak: float, start: float, final: float) -> None:
    # OneCycleLR of PyTorch 2: two phases that end in these steps, annealed by cosine.
    ends = [peak * HORIZON.steps - 1, HORIZON.steps - 1]

    def annealed(begin: float, end: float, share: float) -> float:
        return end + (begin - end) / 2 * (1 + math.cos(math.pi * share))

    expected = [
        annealed(start, 1, step / ends[0])
        if step <= ends[0]
        else annealed(1, final, (step - ends[0]) / (ends[1] - ends[0]))
        for step in range(HORIZON.steps)
    ]
    found = shares(schedule("one_cycle", peak=peak, start=start, final=final))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert found[0] == pytest.approx(start)
    assert found[-1] == pytest.approx(final)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("horizon", [Horizon(1, 1), Horizon(1, 2), Horizon(2, 1), Horizon(300, 1)])
def test_short_trainings_have_rates_too(name: str, horizon: Horizon) -> None:
    found = shares(schedule(name), horizon)
    assert all(0 <= share <= 1 for share in found)
    assert found[0] > 0


class TestPlateau:
    def followed(self, figures: list[float], **settings: Any) -> list[float]:
        """The shares of the epochs, as long as the training lasts."""
        made = schedule("plateau", **settings).following("cross_entropy")
        stall = made.stall()
        assert stall is not None
        found = []
        for epoch, figure in enumerate(figures, start=1):
            found.append(made.share((epoch - 1) * STEPS, HORIZON) * stall.share)
            row = {"validation_cross_entropy": figure, "validation_accuracy": 1 - figure}
            if stall.should_stop(epoch, row):
                break
        return found

    def test_falls_when_the_figure_stalls_and_then_ends(self) -> None:
        falling = [0.9, 0.8, 0.7, 0.75, 0.7, 0.65, 0.66, 0.67, 0.68, 0.69, 0.64, 0.1]
        found = self.followed(falling, patience=2, factor=0.1, minimum=0.01)
        assert found == pytest.approx([1] * 5 + [0.1] * 3 + [0.01] * 2)

    def test_an_epoch_that_is_better_begins_the_wait_anew(self) -> None:
        figures = [0.9, 0.9, 0.8, 0.8, 0.7, 0.7, 0.6]
        assert self.followed(figures, patience=2) == [1] * 7
        assert self.followed(figures, patience=2, monitor="validation_accuracy") == [1] * 7

    def test_follows_the_metric_of_the_study(self) -> None:
        for metric in METRICS:
            followed = schedule("plateau").following(metric)
            assert followed.monitor == f"validation_{metric}"
        own = schedule("plateau", monitor="validation_macro_f1")
        assert own.following("accuracy") == own
        with pytest.raises(ValueError, match="needs the name of the metric"):
            schedule("plateau").stall()

    @pytest.mark.parametrize("higher_is_better", [False, True])
    def test_a_figure_stalls_where_it_no_longer_gets_better(self, higher_is_better: bool) -> None:
        metric = next(m for m in METRICS.values() if m.higher_is_better is higher_is_better)
        stall = schedule("plateau", patience=1).following(metric.name).stall()
        assert stall is not None
        rising = [0.1, 0.2, 0.3]
        for epoch, value in enumerate(rising, start=1):
            stall.should_stop(epoch, {f"validation_{metric.name}": value})
        assert stall.share == (1.0 if higher_is_better else pytest.approx(0.2**2))

    @pytest.mark.parametrize("monitor", ["validation_cross_entropy", "validation_accuracy"])
    def test_the_rates_are_those_of_keras(self, monitor: str) -> None:
        random = np.random.default_rng(0)
        figures = np.round(random.random(40), 1).tolist()
        ours = self.followed(figures, monitor=monitor, patience=3, factor=0.5, minimum=1e-9)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1.0))
        callback = keras.callbacks.ReduceLROnPlateau(
            monitor="figure", factor=0.5, patience=3, min_delta=0, mode="min"
        )
        callback.set_model(model)
        callback.on_train_begin()
        rates = []
        for epoch, figure in enumerate(figures):
            rates.append(float(model.optimizer.learning_rate.numpy()))
            callback.on_epoch_end(epoch, {"figure": figure})
        assert ours == pytest.approx(rates)
        assert min(ours) < 0.01

    def test_epochs_of_warmup_do_not_count(self) -> None:
        found = self.followed([0.5] * 6, patience=1, warmup=3, factor=0.1, minimum=0.1)
        assert len(found) == 6  # 1 to 3 warm up, 4 is the first, 5 stalls, 6 stalls at the end
        assert found[3:] == pytest.approx([1, 1, 0.1])

    def test_goes_on_from_a_state_as_if_never_interrupted(self) -> None:
        rows = [
            {"validation_cross_entropy": value, "validation_accuracy": 0}
            for value in (0.5, 0.6, 0.4, 0.4, 0.5, 0.5, 0.3)
        ]
        for cut in range(len(rows)):
            whole, first, second = (
                schedule("plateau").following("cross_entropy").stall() for _ in range(3)
            )
            assert whole
            assert first
            assert second
            for number, row in enumerate(rows[:cut], start=1):
                whole.should_stop(number, row)
                first.should_stop(number, row)
            second.restore(first.state())
            for number, row in enumerate(rows[cut:], start=cut + 1):
                assert second.should_stop(number, row) == whole.should_stop(number, row)
                assert second.share == whole.share


def test_what_is_out_of_range_is_refused() -> None:
    for settings in (
        {"name": "cosine", "final": 1.5},
        {"name": "step", "factor": 1},
        {"name": "one_cycle", "warmup": 1},
        {"name": "plateau", "minimum": 0},
    ):
        with pytest.raises(ValidationError):
            TypeAdapter(Schedule).validate_python(settings)
