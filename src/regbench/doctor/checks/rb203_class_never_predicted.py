"""RB203: the baseline never gives one of the classes."""

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import names
from regbench.text.counted import number_of

_LEAST_IMAGES = 5  # judged images of a class


def _find(evidence: Evidence) -> Finding | None:
    if evidence.baseline is None:
        return None
    answers = evidence.baseline.predictions
    answers = answers[answers["split"] == evidence.part]
    images = answers.drop_duplicates("filename")["label"].value_counts()
    given = set(answers["predicted"])
    never = [
        label
        for label in map(str, evidence.classes)
        if label not in given and images.get(label, 0) >= _LEAST_IMAGES
    ]
    if not never:
        return None
    counts = sum(int(images[label]) for label in never)
    changed = {"reporting.metric": "balanced_accuracy"}
    command, minutes = evidence.first_try(
        {**changed, "protocol.epochs": 2 * int(evidence.protocol["epochs"])}, factor=2
    )
    return Finding(
        f"no training of the baseline answers {names([repr(label) for label in never])} for any "
        f"{evidence.part} image; {number_of(counts, 'image')} "
        f"{'is' if counts == 1 else 'are'} of {'it' if len(never) == 1 else 'them'}",
        command,
        minutes,
        "A technique with class_weights: balanced in parameters_techniques.yml weighs small "
        "classes up.",
    )


CHECK = Check(
    code="RB203",
    title="a class is never predicted",
    meaning="a class with five judged images or more is the answer of no training of the baseline",
    why="For that class the network does not exist, whatever its accuracy on the others.",
    rank=25,
    find=_find,
)
