"""SIRL: an embedding of behaviours from answers about which of three are alike."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="sirl",
    title="SIRL: Similarity-based Implicit Representation Learning",
    authors="Bobu, Liu, Shah, Brown, Dragan",
    summary=(
        "SIRL learns what matters to people in a robot's behaviour before it is told what they "
        "want. A person is shown three trajectories and names the two that are most alike. A "
        "triplet loss turns the answers into an embedding in which alike trajectories are near, "
        "however different they look. The embedding is then frozen, and a small reward network on "
        "it learns a person's wishes from few comparisons."
    ),
    venue="HRI",
    year=2023,
    arxiv="2301.00810",
    bibtex="""@inproceedings{bobu2023sirl,
  title     = {{SIRL}: Similarity-based Implicit Representation Learning},
  author    = {Bobu, Andreea and Liu, Yi and Shah, Rohin and Brown, Daniel S. and
               Dragan, Anca D.},
  booktitle = {ACM/IEEE International Conference on Human-Robot Interaction},
  year      = {2023}
}""",
    target="none",
    modalities=("tables",),
    module_class="SIRL",
    config_class="SIRLConfig",
    protocols=("preferences", "feature-error", "query-accuracy"),
    own_protocols={
        "preferences": ("preferences:evaluate_preferences", "config:PreferencesConfig"),
        "feature-error": (
            "embedding_protocols:evaluate_feature_error",
            "config:FeatureErrorConfig",
        ),
        "query-accuracy": (
            "embedding_protocols:evaluate_query_accuracy",
            "config:QueryAccuracyConfig",
        ),
    },
    baselines={
        "vae": ("baselines:VAE", "config:VAEConfig"),
        "multi-preferences": ("baselines:MultiPreferences", "config:MultiPreferencesConfig"),
    },
    own_sets={
        "answered-table": DataSet(
            "readers.own:answered_table",
            form="a CSV of numbers, with answers about its lines in data.answers_path",
            plan="own_data:plan_answered",
        ),
        "gridrobot": DataSet("readers.gridrobot:gridrobot", generated=True),
    },
    own_module=("data:TrajectoryData", "data_config:TrajectoryConfig"),
    own_readers={"tables": "readers.own:read_rows"},
)

if TYPE_CHECKING:
    from papers.sirl.baselines import VAE as VAE
    from papers.sirl.baselines import MultiPreferences as MultiPreferences
    from papers.sirl.config import MultiPreferencesConfig as MultiPreferencesConfig
    from papers.sirl.config import SIRLConfig as SIRLConfig
    from papers.sirl.config import VAEConfig as VAEConfig
    from papers.sirl.module import SIRL as SIRL
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
