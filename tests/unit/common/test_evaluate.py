import io

import pytest
import torch
from rich.console import Console

from common.config import load_recipe
from common.data.pictures.config import PictureFacts
from common.errors import ConfigError, UsageError
from common.evaluate import evaluate_weights
from common.execute import start
from common.leaderboard.record import NO_NUMBER
from papers.swav.module import SwAV


def export(folder):
    torch.manual_seed(5)
    module = SwAV(load_recipe("swav/quick").method, facts=PictureFacts(1, 20, 10, 5188))
    torch.save(module.backbone.state_dict(), folder / "backbone.pt")
    return folder / "backbone.pt"


def test_other_protocols_leave_the_recipe_as_it_is(tmp_path):
    recipe, said = load_recipe("swav/quick"), io.StringIO()
    console = Console(file=said, width=200)
    record = evaluate_weights(recipe, export(tmp_path), ["knn"], tmp_path / "runs", console)
    assert (record.protocol, record.weights, record.epochs) == ("knn", "published", 0)
    assert record.config_hash == recipe.hash() and record.scaled_reason == NO_NUMBER
    assert list(record.metrics) == list(record.references["raw"]) == ["test/knn_top1"]
    untrained = record.references["untrained"]["test/knn_top1"]
    assert record.metrics["test/knn_top1"] != untrained, "the file's weights, not the seed's"
    assert "backbone.pt: no head in the file: as initialised" in said.getvalue()
    assert len(list((tmp_path / "runs").glob("swav/quick/*/result.json"))) == 1


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.batch_size=6000"], "6000: scattered-digits has 5188 training pictures"),
        (["method.num_prototypes=6000"], "6000 prototypes cannot share 5188 training pictures"),
    ],
)
def test_given_weights_are_measured_on_data_too_few_to_train_on(words, message, tmp_path):
    recipe, quiet = load_recipe("swav/quick", words), Console(quiet=True)
    with pytest.raises(ConfigError, match=message):
        start(recipe, tmp_path / "runs", quiet)
    assert not (tmp_path / "runs").exists()
    record = evaluate_weights(recipe, export(tmp_path), ["knn"], tmp_path / "runs", quiet)
    assert record.metrics["test/knn_top1"] is not None


def test_a_missing_file_and_an_unknown_protocol_end_before_anything_is_written(tmp_path):
    recipe, runs = load_recipe("swav/quick"), tmp_path / "runs"
    with pytest.raises(UsageError, match=r"none.pt: no such file"):
        evaluate_weights(recipe, tmp_path / "none.pt", None, runs, Console(quiet=True))
    with pytest.raises(ConfigError, match="'ranking' is no protocol of swav"):
        evaluate_weights(recipe, export(tmp_path), ["ranking"], runs, Console(quiet=True))
    # What the recipe itself would run is not asked for.
    recipe = load_recipe("swav/quick", ["evaluation.protocols=[linear]", "evaluation.knn.k=9999"])
    with pytest.raises(ConfigError, match=r"evaluation\.knn\.k=9999: there are only 5188"):
        evaluate_weights(recipe, export(tmp_path), ["knn"], runs, Console(quiet=True))
    assert not runs.exists()
