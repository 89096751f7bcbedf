"""What is made with trained encoders is filed where nothing of before is in its way."""

from common.cli.embed import name_of_vectors
from common.config.recipe import load_recipe


def test_vectors_of_captions_lie_beside_those_of_images(tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("a red circle\n")
    both = load_recipe("negclip/quick")
    assert name_of_vectors(both, tmp_path) != name_of_vectors(both, texts)
    images = load_recipe("swav/quick")
    assert name_of_vectors(images, tmp_path) == name_of_vectors(images, texts)
