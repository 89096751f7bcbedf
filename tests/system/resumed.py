"""Runs to be killed and resumed: recipes cut to seconds where they keep their state."""

from common.config.recipe import load_recipe

COMMON = [
    "tracking.mode=disabled",
    "tracking.plots=false",
    "trainer.threads=1",
    "trainer.log_every=1",
]
CASES = {
    # Gradients of two batches an update, so that the checkpoints of batches 13 and 39 wait for one.
    "swav": [
        "trainer.batches=60",
        "trainer.accumulate=2",
        "trainer.checkpoint_every_batches=13",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "evaluation.linear.epochs=5",
        "data.holdout=0.1",
        "evaluation.monitor=val/knn_top1",
        "evaluation.select=best",
    ],
    "pixpro": [
        "trainer.batches=40",
        "trainer.checkpoint_every_batches=13",
        "method.instance_weight=1",
        "evaluation.protocols=[correspondence]",
        "evaluation.online=[dense-probe]",
        "evaluation.every_batches=25",
        "evaluation.dense_probe.epochs=1",
        "data.holdout=0.1",
    ],
    # The base with the most state: queues and a momentum encoder.
    "amcl": [
        "method.base=moco",
        "method.queue_length=512",
        "optimizer.lr=0.01",
        "trainer.batches=50",
        "trainer.checkpoint_every_batches=13",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
    ],
    # The form with a momentum encoder, in place of the online head.
    "hydra": [
        "baseline=momentum",
        "method.backbone=small_conv",
        "method.output_dim=32",
        "trainer.batches=50",
        "trainer.checkpoint_every_batches=13",
        "evaluation.protocols=[knn]",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
    ],
    # On MoCo: a queue and a momentum encoder. After an epoch of 18 batches the rate falls, and what
    # the other two add begins.
    "hard_contrastive": [
        "data.batch_size=256",
        "optimizer.schedule=constant",
        "method.drop_epochs=[1,2]",
        "trainer.epochs=3",
        "trainer.checkpoint_every_batches=13",
        "evaluation.online=[uniformity-tolerance]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
    ],
    "mochi": [
        "data.batch_size=256",
        "trainer.epochs=3",
        "trainer.checkpoint_every_batches=13",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
    ],
    "feature_transformation": [
        "data.batch_size=256",
        "method.from_epoch=1",
        "trainer.epochs=3",
        "trainer.checkpoint_every_batches=13",
        "evaluation.online=[knn]",
        "evaluation.every_batches=25",
        "data.holdout=0.1",
    ],
    "meow": ["trainer.epochs=12", "trainer.checkpoint_every_epochs=5"],
    # Drawn neighbours, five batches an epoch.
    "meow-sampled": [
        "data.batch_size=150",
        "method.num_clusters=[3,9]",
        "method.dim=16",
        "method.model=adameow",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=6",
        "evaluation.protocols=[node-probe]",
        "evaluation.references=[untrained]",
        "evaluation.node_probe.probes=2",
    ],
    "supremix": [
        "trainer.batches=120",
        "trainer.checkpoint_every_batches=35",
        "evaluation.online=[label-order]",
        "evaluation.references=[untrained]",
        "evaluation.every_batches=50",
    ],
    "autotcl": [
        "data.batch_size=8",
        "trainer.batches=60",
        "trainer.checkpoint_every_batches=13",
        "method.update_ratio=3",
        "method.consistency_weight=0.1",
        "evaluation.online=[forecasting]",
        "evaluation.references=[]",
        "evaluation.every_batches=25",
    ],
    # With both memories: a rule's and the given labels'.
    "owdfa_cpl": [
        "data.preset=small",
        "data.batch_size=32",
        "method.pseudo_labels=flex",
        "method.pretrain_epochs=1",
        "method.relabel_epochs=1",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=13",
        "optimizer.warmup_epochs=1",
        "evaluation.online=[head-clusters]",
        "evaluation.online_split=test",
        "evaluation.monitor=test/all_nmi",
        "evaluation.also_best=true",
    ],
    "mclrec": [
        "trainer.batches=40",
        "trainer.checkpoint_every_batches=15",
        "evaluation.every_batches=20",
    ],
    "mclrec-joint": [
        "method.scheme=joint",
        "trainer.batches=40",
        "trainer.checkpoint_every_batches=15",
        "evaluation.every_batches=20",
    ],
    # Two stages each: the second begins with batch 25.
    "simcse": [
        "data.glossary_entries=40",
        "data.definitions=10",
        "data.batch_size=32",
        "method.pretrain_epochs=2",
        "method.masked_weight=0.1",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=8",
        "evaluation.online=[sts]",
        "evaluation.every_batches=10",
    ],
    # Dropout, drawn again in the backward pass.
    "simcse-parts": [
        "data.glossary_entries=40",
        "data.definitions=10",
        "data.batch_size=32",
        "trainer.batches=30",
        "trainer.checkpoint_every_batches=8",
        "trainer.microbatch=12",
    ],
    # Two rounds: the second begins with batch 25.
    "defsent_plus": [
        "data.glossary_entries=32",
        "data.definitions=12",
        "data.batch_size=32",
        "method.round_epochs=2",
        "method.space=ica",
        "method.space_from_round=2",
        "optimizer.warmup_epochs=0",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=8",
        "evaluation.online=[entry-prediction]",
    ],
    "whitenedcse": [
        "data.glossary_entries=40",
        "data.definitions=10",
        "data.batch_size=32",
        "method.pretrain_epochs=2",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=8",
        "evaluation.online=[sts]",
    ],
    # With momentum towers and dropout.
    "clip_rocket": [
        "method.addition=byolip",
        "method.text_dropout=0.1",
        "trainer.batches=40",
        "trainer.checkpoint_every_batches=13",
        "evaluation.protocols=[image-text-retrieval]",
        "evaluation.online=[image-text-retrieval]",
        "evaluation.every_batches=25",
    ],
    "negclip": [
        "data.train_rows=640",
        "data.hard_images=2",
        "method.warmup_batches=5",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=8",
        "evaluation.protocols=[caption-choice]",
        "evaluation.online=[image-text-retrieval]",
        "evaluation.every_batches=15",
    ],
    # The control, which turns the texts before its first batch.
    "contrastive_gap": [
        "data.train_rows=640",
        "method.cross_uniformity_weight=1",
        "method.start_gap=0",
        "method.turning_pairs=128",
        "method.warmup_batches=5",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=8",
        "evaluation.protocols=[gap]",
        "evaluation.online=[image-text-retrieval, gap]",
        "evaluation.every_batches=15",
    ],
    # Two stages, the teacher's and the student's: the second begins with batch 25.
    "dse": [
        "data.glossary_entries=40",
        "data.definitions=10",
        "data.batch_size=32",
        "method.teacher=trained",
        "method.teacher_epochs=2",
        "trainer.epochs=4",
        "trainer.checkpoint_every_batches=8",
        "evaluation.online=[pair-task]",
        "evaluation.every_batches=10",
    ],
    "sepclr": [
        "trainer.batches=50",
        "trainer.checkpoint_every_batches=13",
        "data.holdout=0.1",
        "evaluation.online=[separation]",
        "evaluation.every_batches=25",
    ],
    "cmim": [
        "trainer.batches=50",
        "trainer.checkpoint_every_batches=13",
        "data.holdout=0.1",
        "evaluation.online=[euclid-knn, reconstruction]",
        "evaluation.every_batches=25",
    ],
    # Three stages of two epochs: the second begins with batch 25, the third with batch 49.
    "mcl": [
        "data.batch_size=216",
        "method.stage_epochs=2",
        "method.num_clusters=2",
        "trainer.epochs=6",
        "trainer.checkpoint_every_batches=8",
        "evaluation.references=[untrained]",
    ],
    "sirl": [
        "trainer.batches=60",
        "trainer.checkpoint_every_batches=13",
        "data.holdout=0.1",
        "evaluation.preferences.steps=20",
        "evaluation.references=[untrained]",
        "evaluation.online=[query-accuracy]",
        "evaluation.every_batches=25",
    ],
}


def words_of(case):
    """Returns the recipe of ``case`` and what is set over it."""
    return case.partition("-")[0], COMMON + CASES[case]


def evaluates_while_training(case):
    return bool(load_recipe(*words_of(case)).evaluation.online)
