"""The example of use that lies beside an exported network: a script that runs without RegBench."""

from regbench.networks.formats.base import Format

# How a picture of another size comes to the network's, as ingestion does it. Pillow rounds half a
# pixel of padding up, ingestion down: hence no centre of 0.5.
_RESIZED = {
    "stretch": 'picture.resize(about["size"], Image.BILINEAR)',
    "pad": 'ImageOps.pad(picture, about["size"], Image.BILINEAR, about["background"], '
    "(0.4999, 0.4999))",
    "crop": 'ImageOps.fit(picture, about["size"], Image.BILINEAR)',
}

_SCRIPT = '''\
"""Label pictures: python use.py PICTURE ...; needs {needs}, numpy and pillow."""
import json, pathlib, sys, numpy as np
{imports}
from PIL import Image, ImageOps

here = pathlib.Path(__file__).resolve().parent
about = json.loads((here / "network.json").read_text("utf-8"))
{loads}
for name in sys.argv[1:]:
    picture = ImageOps.exif_transpose(Image.open(name)).convert("RGBA")
    ground = Image.new("RGBA", picture.size, about["background"])
    picture = Image.alpha_composite(ground, picture).convert(about["mode"])
    picture = {resized}
    pixels = np.asarray(picture).reshape(1, *about["shape"])
    {predicts}
    shares = probabilities ** (1 / about["temperature"])  # of calibrated confidence
    print(name, about["labels"][shares.argmax()], f"{{shares.max() / shares.sum():.4f}}")
'''


def example_of_use(form: type[Format], aspect: str) -> str:
    """Return a script that labels pictures with an exported network, with calibrated confidence.

    It reads ``network.json`` beside it, and needs a package for the format, NumPy and Pillow.

    Args:
        form: The format.
        aspect: ``ingest.aspect``: stretch, pad or crop.
    """
    return _SCRIPT.format(
        needs=form.needs,
        imports=form.imports,
        loads=form.loads,
        predicts=form.predicts,
        resized=_RESIZED[aspect],
    )
