"""What verdicts are about: the images and the split at hand, or other sets like this one."""

from regbench.evaluation.resampling import Resampling

ONE_SPLIT = "these images and this split"
SETS_LIKE_THIS = "sets like this one"  # every seed has its own split of the set
THESE_IMAGES = "these judged images"  # the same, but for a judged part that the set gives


def scope_of(resampling: Resampling | None) -> str:
    """Return what verdicts are about, in words.

    With one split, or where every seed judges the same images, the differences over seeds are a
    sample of those that other seeds have on the images at hand. Where the judged images are drawn
    anew, too, the corrected variance is that over other sets drawn as this one was.

    Args:
        resampling: From ``resampling_of``.
    """
    if resampling is None:
        return ONE_SPLIT
    return THESE_IMAGES if resampling.judged_is_fixed else SETS_LIKE_THIS
