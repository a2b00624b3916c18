"""What a technique costs against the baseline, in words: time, size, inference."""

import pandas as pd

from regbench.evaluation.figures import registry
from regbench.report.numbers import in_unit, known, number_in
from regbench.report.outcome import Found, Outcome, Row
from regbench.report.pruned import removable_text, removable_weights

_NOISE = 0.15  # of a ratio of training times: that much differs by what else the machine does
_SAME = 0.01  # a cost that differs by less, as a share of the baseline's, is the same


def cost_in_words(outcome: Outcome, pruning: pd.DataFrame | None) -> tuple[str, str]:
    """Return the cost of the technique that the answer is about, or of the baseline."""
    baseline, lead = outcome.baseline or {}, outcome.lead or {}
    if outcome.found is Found.NOTHING:
        return "not known", ""
    if outcome.found is Found.UNLEARNED or not (baseline or lead):
        return "nothing to weigh", _plain_cost(baseline)
    if not lead or outcome.found is Found.NO_BASELINE:
        return "nothing more", f"the baseline takes {_plain_cost(baseline)}"
    answer = "not measured"
    ratio = _ratio(lead, baseline, "seconds")
    if ratio is not None:
        answer = f"{ratio:.1f} × the baseline's training time"
        if abs(ratio - 1) < _NOISE:
            answer = "about the baseline's training time"
    remarks = []
    if ratio is not None:
        own, others = (f"{row['seconds']:.3g} s" for row in (lead, baseline))
        remarks.append(f"{lead['technique']} {own} a training, the baseline {others}")
    for figure, title in (("weights_bytes", "size"), ("multiply_adds", "inference")):
        ratio = _ratio(lead, baseline, figure)
        if ratio is not None:
            same = abs(ratio - 1) < _SAME
            remarks.append(f"{'same ' if same else ''}{title}{'' if same else f' × {ratio:.2f}'}")
    if outcome.found is Found.HELP:
        remarks.append(removable_text(str(lead["technique"]), removable_weights(pruning)))
    return answer, "; ".join(filter(None, remarks))


def _plain_cost(row: Row) -> str:
    """Return time, size and inference: '2.3 s a training, 5.6 MB, 0.1 ms an image'."""
    parts = (
        ("seconds", "s a training"),
        ("weights_bytes", "MB"),
        ("inference_seconds", "ms an image"),
    )
    return ", ".join(f"{_figure(row, name)} {unit}" for name, unit in parts if known(row.get(name)))


def _figure(row: Row, name: str) -> str:
    figure = registry.named(name)
    return in_unit(row[name], figure.unit, figure.digits)


def _ratio(row: Row, baseline: Row, name: str) -> float | None:
    """Return a figure as a multiple of the baseline's; None where either lacks."""
    own, reference = number_in(row, name), number_in(baseline, name)
    if own is None or not reference:
        return None
    return own / reference
