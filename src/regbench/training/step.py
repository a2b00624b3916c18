"""The compiled training step: loss, gradients and update; all seeds of a technique share it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial

import keras
import numpy as np
import tensorflow as tf

from regbench.networks.inference import architecture, logits_of, network_from_architecture
from regbench.networks.kernels import hidden_kernels_in_order, roles_of
from regbench.networks.weights import kernel_variables
from regbench.optimization.optimizers import Optimizer
from regbench.optimization.schedules import Horizon
from regbench.regularizers.base import LAYERS, PLACES, Batch, Regularizer
from regbench.regularizers.places.update import Clock, TrainedVariables
from regbench.training.acting import Acting
from regbench.training.computed_kernels import ComputedKernels
from regbench.training.fused_normalization import fuse_normalizations
from regbench.training.losses import changed_losses, cross_entropies_of, sums_of
from regbench.training.marked_values import MarkedValues
from regbench.training.optimizers import applied
from regbench.training.phase_step import PhaseStep
from regbench.training.precision import LossScale, computes_in_float16
from regbench.training.variables import (
    assigned,
    batch_statistics,
    copy_variables,
    frozen_layers,
    moving_statistics,
)

# The most batches, and bytes of images, of one call: enough to make the cost of a call small, and
# few enough to bound memory and the time until Ctrl-C is noticed.
_BATCHES_A_CALL = 16
_BYTES_A_CALL = 8 << 20
# The methods that a step calls; layers are in the network, the loop asks for stops.
_IN_A_STEP = [of for at in PLACES if at != "stop" for of in PLACES[at] if of not in LAYERS]


def step_for(
    network: keras.Model,
    batch_size: int,
    optimizer: Optimizer,
    regularizers: Sequence[Regularizer],
) -> "Step":
    """Return the compiled step for a network's architecture; the last one is cached.

    Args:
        network: Gives the architecture; the step has a network of its own.
        batch_size: Images.
        optimizer: Its settings; the learning rates are given to the step.
        regularizers: Those of the technique.
    """
    acting = [of for of in regularizers if any(map(of.does, _IN_A_STEP))]
    settings = optimizer.model_copy(update={"learning_rate": 1.0})  # no part of what is compiled
    return compiled_step(architecture(network), batch_size, settings, Acting.of(acting))


@lru_cache(maxsize=1)  # the seeds of a technique follow one another
def compiled_step(described: str, batch_size: int, optimizer: Optimizer, acting: Acting) -> "Step":
    """Return a step; cached, as compiling takes a second, much of a small training.

    Args:
        described: From ``architecture``.
        batch_size: Images.
        optimizer: Its settings.
        acting: The regularizers that act in a step, bound to their data.
    """
    return Step(network_from_architecture(described), batch_size, optimizer, acting.regularizers)


class Step:
    """Trains a network of its own, by compiled functions that take many batches a call.

    Each set of frozen layers has a function of its own, as a training may have several phases.

    Attributes:
        network: With the weights of the last step.
        rows_a_call: The most images that a call takes.
        batch_size: Images of an optimizer step.
    """

    def __init__(
        self,
        network: keras.Model,
        batch_size: int,
        optimizer: Optimizer,
        regularizers: Sequence[Regularizer],
    ) -> None:
        self.network = network
        fuse_normalizations(network)
        self.batch_size = batch_size
        batch_bytes = batch_size * math.prod(network.input_shape[1:])
        self.rows_a_call = batch_size * min(max(_BYTES_A_CALL // batch_bytes, 1), _BATCHES_A_CALL)
        self._optimizer = optimizer
        self._logits = logits_of(network)
        self._acting = {
            method: [regularizer for regularizer in regularizers if regularizer.does(method)]
            for method in _IN_A_STEP
        }
        self._acting["update"].sort(key=lambda regularizer: regularizer.update_order)
        self._marked = MarkedValues(network, regularizers)
        self._clock = Clock.new()
        self._all_steps = tf.Variable(1.0)
        # What makes views of a batch changes its losses last: it has to see those of every view.
        for method in ("change_batch", "change_losses"):
            self._acting[method].sort(key=lambda regularizer: type(regularizer).stage)
        self._statistics = moving_statistics(network)
        self._teacher: keras.Model | None = None  # of its own: the compiled function keeps it
        self._has_teacher = False
        self._phases: dict[tuple[frozenset[str], bool], PhaseStep] = {}
        self._phase = self._phase_of(frozenset())
        self._phase_begun = False

    def begin(
        self, network: keras.Model, seed: int, steps: int = 1, teacher: keras.Model | None = None
    ) -> None:
        """Start a training: copy a network's weights and seeds, and reset the optimizer.

        Args:
            network: Of the same architecture.
            seed: Of the training.
            steps: Those of the whole training, unless it is stopped.
            teacher: A trained network of the same architecture to learn from, if there is one.
        """
        copy_variables(network, self.network)
        self._has_teacher = teacher is not None
        if teacher is not None:
            if self._teacher is None:
                self._teacher = network_from_architecture(architecture(teacher))
            copy_variables(teacher, self._teacher)
        self._clock.seed.assign(seed)
        self._clock.steps.assign(0)
        self._all_steps.assign(steps)
        self._restart_phase(frozenset(), Horizon(1, 1))

    def begin_phase(self, frozen: frozenset[str], horizon: Horizon) -> None:
        """Go on with other frozen layers: weights stay, optimizer and updates start anew.

        Args:
            frozen: Names of layers that are not trained.
            horizon: How long the phase lasts if nothing ends it earlier.
        """
        if self._phase_begun:
            self._phase.computed.settle()
        self._restart_phase(frozen, horizon)

    def _restart_phase(self, frozen: frozenset[str], horizon: Horizon) -> None:
        self._phase_begun = False  # no step of it is made yet
        self._clock.epochs.assign(horizon.epochs)
        self._clock.steps_an_epoch.assign(horizon.steps_an_epoch)
        self._phase = self._phase_of(frozen)
        for variable in self._phase.optimizer.state():
            variable.assign(tf.zeros_like(variable))
        for update in self._phase.updates:
            update.restart()
        self._phase.computed.restart()
        if self._phase.loss_scale:
            self._phase.loss_scale.restart()
        self._averaged_statistics: list[np.ndarray] = []

    def state(self) -> dict[str, np.ndarray]:
        """Return weights, optimizer, updates and random generators, as arrays by name."""
        return {
            **{name: variable.numpy() for name, variable in self._state_variables().items()},
            **{f"averaged/{n}": value for n, value in enumerate(self._averaged_statistics)},
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state, in the phase that it was made in.

        Raises:
            KeyError: A variable is missing.
            ValueError: A variable has another shape.
        """
        variables = self._state_variables()
        values = [state[name] for name in variables]
        for variable, value in zip(variables.values(), values, strict=True):
            variable.assign(value)
        averaged = [name for name in state if name.startswith("averaged/")]
        self._averaged_statistics = [state[f"averaged/{n}"] for n in range(len(averaged))]

    def _state_variables(self) -> dict[str, keras.Variable | tf.Variable]:
        groups: dict[str, Sequence[keras.Variable | tf.Variable]] = {
            "network": self.network.variables,
            "optimizer": self._phase.optimizer.state(),
            "steps": [self._clock.steps],
            "kernels": self._phase.computed.state(),
            "loss_scale": self._phase.loss_scale.state() if self._phase.loss_scale else [],
            **{f"update_{n}": update.state() for n, update in enumerate(self._phase.updates)},
        }
        return {
            f"{g}/{n}": variable for g, made in groups.items() for n, variable in enumerate(made)
        }

    def finish(self, network: keras.Model) -> None:
        """Copy the trained weights, or those to evaluate in their place, to a network."""
        with self.evaluated():
            copy_variables(self.network, network)

    @contextmanager
    def evaluated(self) -> Iterator[keras.Model]:
        """Yield the network with the weights to evaluate: the last ones, or their average.

        Kernels that a regularizer computes are those that it computes from them.
        """
        averages = self._phase.averages()
        statistics = self._statistics if self._averaged_statistics else []
        with (
            assigned(self._phase.variables if averages else [], averages),
            assigned(statistics, self._averaged_statistics),
            self._computed_kernels(),
        ):
            yield self.network

    @contextmanager
    def _computed_kernels(self) -> Iterator[None]:
        computed = self._phase.computed
        with assigned(computed.variables, computed.values(training=False)):
            yield

    def averages_with_statistics(self) -> bool:
        """Return whether averaged weights need statistics of batch normalization of their own."""
        return bool(self._statistics and self._phase.averages())

    def gather_statistics(self, images: Iterable[np.ndarray]) -> None:
        """Compute batch normalization's statistics for the averaged weights.

        They are the means over batches, weighted by their images, as in the code of Izmailov et
        al., Averaging Weights Leads to Wider Optima, 2018: a last batch of one image has the
        variance 0. Images are not augmented, as when evaluated. Weights, moving statistics and
        random generators stay as they are.

        Args:
            images: Train images in chunks of at most ``rows_a_call``, in random order.
        """
        kept = self.network.non_trainable_variables
        with (
            assigned(self._phase.variables, self._phase.averages()),
            assigned(kept, [variable.numpy() for variable in kept]),
            self._computed_kernels(),
        ):
            sizes, found = [], []
            for chunk in images:
                for start in range(0, len(chunk), self.batch_size):
                    batch = chunk[start : start + self.batch_size]
                    sizes.append(len(batch))
                    found.append([value.numpy() for value in self._phase.statistics(batch)])
        means = (np.average(values, axis=0, weights=sizes) for values in zip(*found, strict=True))
        self._averaged_statistics = [mean.astype(np.float32) for mean in means]

    def __call__(
        self, images: np.ndarray, targets: np.ndarray, learning_rates: np.ndarray
    ) -> np.ndarray:
        """Train on images in the given order; return the summed loss and correct answers.

        Args:
            images: M x H x W x C, uint8; at most ``rows_a_call``.
            targets: M ints.
            learning_rates: One per optimizer step, that is per ``batch_size`` images.

        Returns:
            Sum of cross-entropies in nats, and the number of correct answers; float64.
        """
        self._phase_begun = True
        with frozen_layers(self.network, self._phase.frozen):  # it may be compiled now
            sums = self._phase.train(
                images, targets.astype(np.int32), learning_rates.astype(np.float32)
            )
        return np.asarray(sums, dtype=np.float64)

    def penalty(self) -> float:
        """Return the penalty: the sum over hidden kernels that is added to the loss."""
        return float(sum(map(float, self._phase.penalties(self._acting["penalty"], self._clock))))

    def _phase_of(self, frozen: frozenset[str]) -> PhaseStep:
        which = (frozen, self._has_teacher)
        if which not in self._phases:
            with frozen_layers(self.network, frozen):
                self._phases[which] = self._new_phase(frozen)
        return self._phases[which]

    def _new_phase(self, frozen: frozenset[str]) -> PhaseStep:
        trained = self.network.trainable_variables
        variables = [variable.value for variable in trained]
        updated = TrainedVariables(variables, roles_of(self.network), self._clock)
        phase = PhaseStep(
            frozen,
            variables,
            hidden_kernels_in_order(self.network),
            applied(self._optimizer, trained, kernel_variables(self.network)),
            [regularizer.update(updated) for regularizer in self._acting["update"]],
            LossScale() if computes_in_float16(self.network) else None,
            ComputedKernels(self.network, self._acting["reparametrize"]),
            logits_of(self._teacher) if self._teacher and self._has_teacher else None,
        )
        shape = (None, *self.network.input_shape[1:])
        phase.train = tf.function(
            partial(self._train_batches, phase),
            input_signature=[
                tf.TensorSpec(shape, tf.uint8),
                tf.TensorSpec((None,), tf.int32),
                tf.TensorSpec((None,), tf.float32),
            ],
        )
        phase.statistics = tf.function(
            partial(self._statistics_of_batch, frozen),
            input_signature=[tf.TensorSpec(shape, tf.uint8)],
        )
        phase.check_averages(self._acting["update"])
        return phase

    def _statistics_of_batch(self, frozen: frozenset[str], images: tf.Tensor) -> list[tf.Tensor]:
        with (
            frozen_layers(self.network, frozen),
            self._marked.acting(*self._seed_and_progress()),
        ):
            return batch_statistics(self.network, partial(self._logits, images, training=True))

    def _train_batches(
        self, phase: PhaseStep, images: tf.Tensor, targets: tf.Tensor, learning_rates: tf.Tensor
    ) -> tf.Tensor:
        sums = tf.zeros(2)
        for start in tf.range(0, tf.shape(images)[0], self.batch_size):
            end = start + self.batch_size
            rate = learning_rates[start // self.batch_size]
            sums += self._train_batch(phase, images[start:end], targets[start:end], rate)
        return sums

    def _train_batch(
        self, phase: PhaseStep, images: tf.Tensor, targets: tf.Tensor, learning_rate: tf.Tensor
    ) -> tf.Tensor:
        batch = self._changed(Batch(images, targets, int(self._logits.output_shape[-1])))
        figures: list[tf.Tensor] = []
        raw: list[tf.Tensor] = []  # gradients before any update changes them
        taught = None
        if phase.teacher is not None:
            taught = tf.cast(phase.teacher(batch.images, training=False), tf.float32)

        def gradients() -> list[tf.Tensor]:
            again = bool(figures)  # an update calls it at other weights
            kept = [*(v.value for v in self._statistics), *phase.computed.state()] if again else []
            before = [tf.identity(variable) for variable in kept]
            with tf.GradientTape() as tape:
                with self._marked.acting(*self._seed_and_progress(again=again)) as penalties:
                    logits = phase.computed.call(self._logits, batch.images)
                logits = tf.cast(logits, tf.float32)
                cross_entropies = cross_entropies_of(batch.targets, logits)
                losses = changed_losses(
                    self._acting, cross_entropies, batch.targets, logits, taught
                )
                penalties += phase.penalties(self._acting["penalty"], self._clock)
                loss = tf.reduce_mean(losses) + sum(penalties)
                if phase.loss_scale:
                    loss = phase.loss_scale.scaled(loss)
            if not again:
                first = tf.shape(targets)[0]  # of each image there may be several views
                figures.append(
                    sums_of(cross_entropies[:first], batch.targets[:first], logits[:first])
                )
            for variable, value in zip(kept, before, strict=True):
                variable.assign(value)
            found = list(tape.gradient(loss, phase.variables))
            raw.extend(found)
            return phase.loss_scale.unscaled(found) if phase.loss_scale else found

        compute: Callable[[], list[tf.Tensor]] = gradients
        for update in phase.updates:
            compute = partial(update.gradients, compute)
        found = compute()

        def apply() -> None:
            for update in phase.updates:
                update.before_step(learning_rate)
            phase.optimizer.apply(found, learning_rate)
            phase.constrain(self._acting["constrain"])

        if phase.loss_scale:
            phase.loss_scale.apply_finite(raw, apply)
        else:
            apply()
        for update in phase.updates:
            update.after_step(learning_rate)
        self._clock.steps.assign_add(1)
        return figures[0]

    def _seed_and_progress(self, *, again: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a seed of the step, another for a pass ``again``, and the share of steps done."""
        done = tf.cast(self._clock.steps, tf.float32) / self._all_steps
        return self._clock.random_seed(int(again)), tf.minimum(done, 1.0)

    def _changed(self, batch: Batch) -> Batch:
        """Return the batch as regularizers change it."""
        for regularizer in self._acting["change_batch"]:
            seed = self._clock.random_seed(regularizer.stream())
            batch = regularizer.change_batch(batch, seed)
        return batch
