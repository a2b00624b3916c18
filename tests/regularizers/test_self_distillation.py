"""Self-distillation: its loss against NumPy, and a student that learns from a teacher."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax
from tests.study.base_study import problem, techniques
from tests.training.small_ensembles import RecordedMembers, answers, ensemble
from tests.training.small_study import (
    IMAGES,
    TRAIN,
    VALIDATION,
    network_of,
    predicted,
    protocol,
    trained,
)

from regbench.networks.weights import weights_of
from regbench.regularizers.self_distillation import SelfDistillation
from regbench.study.reader import read_study
from regbench.study.technique import Technique


@pytest.mark.parametrize(("alpha", "temperature"), [(1.0, 1.0), (0.7, 4.0), (0.0, 2.0)])
def test_the_loss_is_that_of_hinton(alpha: float, temperature: float) -> None:
    drawn = np.random.default_rng(0)
    losses = drawn.random(5).astype(np.float32)
    logits, teacher = (drawn.normal(0, 3, (5, 4)).astype(np.float32) for _ in range(2))
    by_teacher = -(softmax(teacher / temperature, 1) * log_softmax(logits / temperature, 1)).sum(1)
    expected = (1 - alpha) * losses + alpha * temperature**2 * by_teacher
    own = SelfDistillation(alpha=alpha, temperature=temperature)
    found = own.distil(tf.constant(losses), tf.constant(logits), tf.constant(teacher))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_step_follows_the_gradient_of_that_loss() -> None:
    """One step of gradient descent on all images, against Keras and a loss written out."""
    technique = Technique.model_validate({"self_distillation": {"alpha": 0.6, "temperature": 3.0}})
    shared = protocol(epochs=1, batch_size=65, optimizer={"name": "sgd", "learning_rate": 0.5})
    made = ensemble(technique, shared)
    teacher, _ = trained(Technique(), shared)
    members = RecordedMembers()
    members.seed = 1
    student = network_of(Technique(), members.seed_of(2))

    def logits_of(network: keras.Model) -> keras.Model:
        return keras.Model(network.inputs, network.get_layer("logits").output)

    with tf.GradientTape() as tape:
        logits = logits_of(student)(IMAGES[TRAIN.rows])
        soft = tf.nn.softmax(logits_of(teacher)(IMAGES[TRAIN.rows]) / 3.0)
        hard = keras.losses.sparse_categorical_crossentropy(TRAIN.targets, logits, from_logits=True)
        by_teacher = keras.losses.categorical_crossentropy(soft, logits / 3.0, from_logits=True)
        loss = tf.reduce_mean(0.4 * hard + 0.6 * 9.0 * by_teacher)
    variables = [variable.value for variable in student.trainable_variables]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(0.5 * gradient)
    for name, value in weights_of(student).items():
        np.testing.assert_allclose(weights_of(made.network)[name], value, atol=1e-5)


def test_a_student_learns_what_its_teacher_answers() -> None:
    shared = protocol(epochs=30, learning_rate=0.02)
    made = ensemble(Technique(self_distillation=SelfDistillation()), shared)
    teacher, _ = trained(Technique(), shared)
    untaught, _ = trained(Technique(), shared, seed=2)
    answer = predicted(teacher, TRAIN)
    by_student = np.abs(answers(made.network, TRAIN.rows) - answer).mean()
    by_other = np.abs(predicted(untaught, TRAIN) - answer).mean()
    assert by_student < by_other
    assert len(answers(made.network)) == len(VALIDATION.rows)


def test_each_student_is_the_teacher_of_the_next() -> None:
    members = RecordedMembers()
    own = SelfDistillation(generations=3)
    made = own.train_members(members)
    assert [member.teacher for member in members.asked] == [
        None,
        *("network 1", "network 2", "network 3"),
    ]
    assert made.networks == ["network 4"]
    assert (own.trainings(), own.networks()) == (4, 2)


def test_acts_as_an_ensemble_and_in_the_loss() -> None:
    assert SelfDistillation.acts() == ["loss", "ensemble"]
    assert SelfDistillation.family() == "ensemble"


def test_a_student_that_would_lose_other_changes_of_the_loss_is_refused() -> None:
    entry = {"self_distillation": True, "label_smoothing": 0.1, "focal_loss": 2}
    message = problem(techniques(born=entry)).message
    assert "without focal_loss and label_smoothing; set alpha below 1, such as 0.9" in message
    assert read_study(techniques(born={**entry, "self_distillation": {"alpha": 0.9}}))
    assert read_study(techniques(born={"self_distillation": True, "dropout": 0.2}))
