"""Self-distillation: a network of the same kind learns from a trained one's probabilities."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from regbench.fields import Float, Int, Share
from regbench.regularizers.base import Choice, Range
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.ensemble import Combination, Ensemble, Member, Members

if TYPE_CHECKING:
    import tensorflow as tf


class SelfDistillation(Ensemble):
    """Train a network, then another that learns from the first one's answers; keep the last.

    The student's loss of an image is (1 - ``alpha``) times the loss by its label plus ``alpha``
    T^2 times the cross-entropy between both networks' softmax at ``temperature`` T (Hinton et al.,
    Distilling the Knowledge in a Neural Network, 2015). The paper's has alpha and T 1. The teacher
    answers for the same, possibly augmented, images, without dropout. ``generations`` is the number
    of students, each the teacher of the next.
    """

    title = "self-distillation"
    effect = "teaches which other classes an image is like"
    source = "Furlanello et al., Born Again Neural Networks, 2018"
    helps = (
        "Where accuracy is to rise and a prediction may not take longer: students outdid their "
        "teachers of the same size on CIFAR-10 and CIFAR-100 (Furlanello et al., 2018)."
    )
    not_when = (
        "Where time allows an ensemble, of which it is a small one in disguise (Allen-Zhu and Li, "
        "Towards Understanding Ensemble, Knowledge Distillation and Self-Distillation in Deep "
        "Learning, 2023)."
    )
    cost = "a training more for each generation, in which the teacher answers too; one network"
    aliases = ("born_again", "knowledge_distillation", "distillation", "teacher_student")
    search = {"alpha": Range(0.1, 1), "temperature": Choice((1, 2, 4))}

    alpha: Share = 1.0
    temperature: Annotated[Float, Field(gt=0, le=100)] = 1.0
    generations: Annotated[Int, Field(ge=1, le=10)] = 1

    def clash(self, beside: Beside) -> str | None:
        """Return that the student would be trained without other changes of the loss, if so."""
        changes = [key for key, other in beside.others.items() if other.does("change_losses")]
        if self.alpha < 1 or not changes:
            return None
        return (
            f"has alpha 1, and its student then learns from the teacher alone, without "
            f"{' and '.join(changes)}; set alpha below 1, such as 0.9"
        )

    def networks(self) -> int:
        """Return 2: a student, and its teacher."""
        return 2

    def trainings(self) -> int:
        """Return the number of students and the first teacher."""
        return 1 + self.generations

    def train_members(self, members: Members) -> Combination:
        """Return the last student."""
        network = members.train(Member(members.seed))
        for number in range(2, self.generations + 2):
            network = members.train(Member(members.seed_of(number), teacher=network))
        return Combination([network])

    def distil(
        self, losses: "tf.Tensor", logits: "tf.Tensor", teacher_logits: "tf.Tensor"
    ) -> "tf.Tensor":
        """Return the losses by label and by the teacher's answers, mixed."""
        import tensorflow as tf

        answers = tf.nn.softmax(teacher_logits / self.temperature)
        by_teacher = tf.nn.softmax_cross_entropy_with_logits(answers, logits / self.temperature)
        return (1 - self.alpha) * losses + self.alpha * self.temperature**2 * by_teacher
