"""A graph of one's own: its types, links, labels and meta-paths; and the plan for graph papers."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from common.own_data.csv_lines import is_unknown, table_rows, to_count
from common.own_data.draft import Draft

LARGE_GRAPH, BATCH = 20_000, 512
LABELS, BESIDE = 20, 2  # training labels a class, and those to validate and test with
UPDATE = 0.5e-4  # seconds a target node on a core


@dataclass(frozen=True)
class Graph:
    """What a graph holds.

    ``nodes``: number by type; ``links``: pairs of types; ``labels``: by each type that has some,
    the nodes of each class; ``form``: how it is stored; ``joined``: relations between two types,
    in words, where there are several or a type's own.
    """

    path: Path
    nodes: dict[str, int]
    links: list[tuple[str, str]]
    labels: dict[str, list[int]]
    form: str
    joined: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        """The data sets that it can be read as."""
        return (self.form,)

    def describe(self) -> str:
        """Returns what was found, in words."""
        nodes = ", ".join(f"{number:,} {name}" for name, number in self.nodes.items())
        links = ", ".join("-".join(pair) for pair in self.links)
        return f"a graph of {nodes}; links {links}; labels of {', '.join(self.labels) or 'no type'}"

    def metapaths(self, target: str) -> list[str]:
        """Returns the meta-paths of three types from ``target`` over a neighbour and back."""
        ends = [pair for pair in self.links if target in pair]
        others = [b if a == target else a for a, b in ends]
        return [f"{target}-{other}-{target}" for other in dict.fromkeys(others)]


def recognise(path: Path, kind: str) -> Graph | None:
    """Returns the graph of a folder, or of a saved ``HeteroData`` or set of PyG's, if it is one."""
    if kind == "folder" and (path / "nodes.csv").is_file():
        return _read_folder(path)
    return _read_hetero_data(path) if kind in ("pt", "pth") or _is_of_pyg(path) else None


def _is_of_pyg(path: Path) -> bool:
    """Tells whether a folder is the root of a set of PyG's, and not one of images beside others."""
    if not (path / "processed/data.pt").is_file():
        return False
    return {one.name for one in path.iterdir() if one.is_dir()} <= {"processed", "raw"}


def _read_folder(path: Path) -> Graph:
    """Reads the names of a folder's files, ``nodes.csv`` and ``labels.csv``.

    What is wrong with a line is left to the reader, which names it.
    """
    counts = {row[0]: row[1] for _, row in table_rows(path / "nodes.csv") if len(row) == 2}
    nodes = {name: number for name, cell in counts.items() if (number := to_count(cell))}
    pairs = [file.stem.partition("-") for file in sorted(path.glob("*-*.csv"))]
    links = [(one, other) for one, _, other in pairs if one in nodes and other in nodes]
    rows = table_rows(path / "labels.csv") if (path / "labels.csv").is_file() else ()
    given = (row for _, row in rows if len(row) == 2 and row[0].isdigit())
    classes = Counter(row[1] for row in given if not is_unknown(row[1]))
    target = next(iter(nodes), None)
    labels = {target: list(classes.values())} if target and classes else {}
    return Graph(path, nodes, links, labels, "folder")


def _read_hetero_data(path: Path) -> Graph:
    """Reads a saved ``HeteroData``, for which it needs torch; raises `DataError`."""
    # Here alone: it imports torch.
    from common.data.graphs.readers.hetero import hetero_parts, load_graph

    found = load_graph(path)
    nodes, edges, _ = hetero_parts(found, str(path))
    links = list(dict.fromkeys((key[0], key[-1]) for key in edges))
    links = [pair for place, pair in enumerate(links) if pair[::-1] not in links[:place]]
    labels = {name: _classes(found[name]["y"]) for name in nodes if "y" in found[name]}
    relations = {pair: [k for k in edges if {k[0], k[-1]} == {*pair}] for pair in links}
    joined = tuple(
        " and ".join("-".join(key) for key in keys)
        for (one, other), keys in relations.items()
        if len(keys) > 1 or one == other
    )
    return Graph(path, nodes, links, labels, "hetero-data", joined)


def _classes(y: object) -> list[int]:
    values = y.flatten().tolist() if hasattr(y, "flatten") else []
    return list(Counter(value for value in values if value >= 0).values())


def plan_graph(found: Graph, draft: Draft) -> None:
    """Plans the target, meta-paths, neighbours, masks and labels."""
    target = _target(found, draft)
    if target is None:
        return
    if found.joined:
        draft.notes.append(
            "Links have no direction, and those of two types are joined: "
            f"{'; '.join(found.joined)}."
        )
    paths = _metapaths(found, draft, target)
    count = found.nodes.get(target, 0)
    draft.trained = count
    if len(draft.get("data.top_k")) != len(paths):
        why = f"of {count:,} {target}; neighbours kept, for each meta-path"
        draft.choose("data.top_k", [min(110, max(count // 4, 1))] * len(paths), why)
    if len(draft.get("data.edge_mask")) != len(paths):
        draft.choose("data.edge_mask", [0.3] * len(paths), "one for each meta-path")
    if count > LARGE_GRAPH:
        draft.choose("data.batch_size", BATCH, f"{count:,} {target} are too many for one batch")
    _plan_labels(found, draft, target)
    clusters = [min(number, max(count // 4, 2)) for number in draft.base.method.num_clusters]
    draft.choose("method.num_clusters", clusters, f"for {count:,} {target}")
    draft.seconds = UPDATE * count * draft.get("trainer.epochs") * len(paths)


def _target(found: Graph, draft: Draft) -> str | None:
    """Returns the type to embed, the user's or the one with labels; of a folder the first."""
    labelled = list(found.labels)
    if found.form == "folder":
        target = next(iter(found.nodes), None)
    elif (asked := draft.words.get("data.target")) is not None:
        target = asked if asked in found.nodes else None
    elif len(labelled) == 1:
        draft.choose("data.target", labelled[0], "the only type with labels y")
        return labelled[0]
    else:
        target = None
    if target is None and found.form == "folder":
        draft.refuse(
            f"{found.path / 'nodes.csv'}: lists no type of nodes; its lines are type,count, such "
            "as paper,200, and what is known of single nodes lies in features-paper.csv and "
            "labels.csv (docs/data.md#your-own-graph)"
        )
    elif target is None:
        types, known = ", ".join(found.nodes), ", ".join(labelled) or "no type"
        draft.refuse(
            f"data.target: name the type to embed, data.target=NAME, one of {types}; labels y are "
            f"on {known}"
        )
    elif target not in labelled and draft.get("evaluation.protocols"):
        labels = "labels.csv" if found.form == "folder" else "labels y"
        draft.refuse(
            f"{found.path}: {target} has no {labels}, the class of each node, to measure by; add "
            "them, or train without a measure: evaluation.protocols=[]"
        )
    return target


def _metapaths(found: Graph, draft: Draft, target: str) -> list[str]:
    given = draft.words.get("data.metapaths")
    if isinstance(given, list):
        return given
    paths = found.metapaths(target)
    why = "over each type that is linked and back; a longer one, a-b-c-b-a, is yours to name"
    if paths:
        draft.choose("data.metapaths", paths, why)
    else:
        links = ", ".join("-".join(pair) for pair in found.links) or "none"
        draft.refuse(f"data.metapaths: no link begins at {target}; there are {links}")
    return paths


def _plan_labels(found: Graph, draft: Draft, target: str) -> None:
    counts = found.labels.get(target, [])
    if len(counts) < 2:
        if target in found.labels:
            draft.refuse(f"{found.path}: {target} has {len(counts)} class; 2 are needed to measure")
        return
    least = min(counts)
    if least < LABELS + BESIDE:
        why = f"the smallest class has {least} labels"
        draft.choose("data.labels_per_class", [max(least - BESIDE, 1)], why)
    if least < BESIDE + 1:
        draft.refuse(f"{found.path}: the smallest class has {least} labels; 3 are needed")
