"""What is made with trained encoders is filed where nothing of before is in its way."""

import sys

import pytest

from common.cli.embed import name_of_vectors
from common.cli.main import main
from common.config.recipe import load_recipe


def test_vectors_of_captions_lie_beside_those_of_images(tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("a red circle\n")
    both = load_recipe("negclip/quick")
    assert name_of_vectors(both, tmp_path) != name_of_vectors(both, texts)
    images = load_recipe("swav/quick")
    assert name_of_vectors(images, tmp_path) == name_of_vectors(images, texts)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("embed RUN nothing", "nothing: no such file or folder"),
        ("embed RUN --data nothing", "nothing: no such file or folder"),
        ("embed RUN", "papers embed RUN DATA"),
        ("embed RUN --dta x", "--dta: no such option; did you mean '--data'?; see: papers embed"),
        ("embed RUN . knn.k=3", "knn.k: cannot be set for data of your own, but only data.sk"),
        ("embed RUN . data.skip_unreadable=5", "data.skip_unreadable=5: must be true or false"),
        ("embed RUN . data.items=a", "own, but only data.skip_unreadable, data.user"),
        ("evaluate RUN . data.core=5", "data.core: cannot be set for data of your own, but only "),
        (
            "evaluate RUN data.user=a",
            "data.user=a: is for data of your own: papers evaluate R",
        ),
        ("recommend RUN user=a", "user: cannot be set for data of your own, but only data.user, d"),
        ("recommend RUN a.csv --data b.csv", "a.csv: name your file once; --data has b.csv"),
        ("evaluate RUN --force", "--force, DATA: leave them out"),
        ("compare RUN --csv=~/a.txt", "error: /home/me/a.txt: the name must end in .csv"),
        ("recommend RUN --user C016", "--user: no such option; known: --data FILE, --top"),
        ("recommend", "Missing argument 'RUN_DIR'; see: papers recommend --help"),
    ],
)
def test_data_stand_behind_the_run_and_an_odd_word_is_told(
    words, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN" / "config.yaml").write_text("paper: swav\n")
    monkeypatch.setattr(sys, "argv", ["papers", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.startswith("error: ") and said in err
