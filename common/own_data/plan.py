"""The plan for data of the user's own: a recipe of the paper's with what fits them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from common.config.build import COMMAND_LINE, Layer
from common.config.recipe import read_layers, resolve, take_variants
from common.config.references import (
    FILE_PATTERN,
    RecipeReference,
    find_recipe,
    is_method,
    read_recipe,
    recipe_path,
    split_reference,
)
from common.config.schema import Recipe
from common.config.yaml_io import parse_overrides
from common.data.modality import DataSet, DataSets, find_set
from common.errors import ConfigError, UsageError
from common.own_data.csv_files import (
    CAPTIONS,
    CLICKS,
    PAIRS,
    PATHS,
    CsvFile,
    class_folders,
    recognise_csv,
)
from common.own_data.csv_lines import kind_of
from common.own_data.draft import Choice, Draft
from common.paper import Paper, get_paper, paper_names
from common.registry import WINGS, load, wing

PLAN = "the plan"  # the origin of its values
# What a variant may set and the plan sets all the same: it fits the variant's value to the data.
FITTED = {"data.name", "data.path", "data.batch_size", "data.views", "optimizer.lr"}
FITTED |= {"evaluation.protocols", "trainer.log_every", "trainer.threads"}
# Whoever names one of these columns has such a table.
COLUMN_KEYS = {
    "data.image_column": "caption-table",
    "data.caption_column": "caption-table",
    "data.columns": "pairs",
    "data.user": "file",
    "data.item": "file",
}
LENGTH = {"trainer.epochs", "method.pretrain_epochs"}
REMARKS = {
    "sentences": "a column of sentences is trained by simcse and whitenedcse with "
    "data.columns=[NAME], two of pairs by dse with data.columns=[NAME,NAME] data.target=NAME",
    "sentences with numbers": "supremix reads such pairs as data.name=stsb from data.root: see "
    "docs/data.md",
}


class Found(Protocol):
    """What all kinds of data tell: where they are, and the data sets that read them."""

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def forms(self) -> tuple[str, ...]:
        """The names of the data sets that read it, the likeliest first."""

    def describe(self) -> str:
        """Returns what was found, in words."""


@dataclass(frozen=True)
class Plan:
    """A recipe for data of the user's own, and how it came about.

    ``asked`` are the words of the command that make it: the paper or recipe, the path, overrides.
    """

    recipe: Recipe
    found: Found
    choices: dict[str, Choice]
    notes: list[str]
    seconds: float | None
    base: str
    asked: list[str]


def make_plan(reference: str, path: str, words: list[str]) -> Plan:
    """Plans to train ``reference``, a paper or one of its recipes, on the data at ``path``.

    Args:
        reference: A paper, with a variant or not, or a shared method: the recipe for such data is
            taken. A recipe: its sizes stay.
        path: As the user wrote it.
        words: ``key=value``; they win over the plan.

    Raises:
        UsageError: Nothing at the path that the paper takes, or obstacles, all of them at once.
        ConfigError: A value of the user's that the recipe refuses.
    """
    asked = [reference, path, *words]
    if is_method(reference.lower()):
        name, _, variant = split_reference(reference)
        reference = f"{name}:{variant}"
    paper = _paper_of(reference)
    values = parse_overrides(words)
    found = recognise(Path(path).expanduser(), paper.modalities)
    named = [form for key, form in COLUMN_KEYS.items() if key in values and _takes(paper, form)]
    if isinstance(found, CsvFile) and named:
        found = replace(found, forms=(named[0],))
    form = _choose_form(paper, found)
    name, fixed = _recipe_of(reference, paper, form, values.get("baseline"))
    source = find_recipe(name, read_recipe)
    layers = read_layers(source, paper)
    base = resolve(paper, source.recipe, source.variant, layers)
    own = dict(_own_sets(paper))[form]
    draft = Draft(paper, base, values, fixed, _kept(source, layers))
    draft.choose("data.name", form, own.form.partition(" (")[0])
    draft.choose("data.path", str(found.path), "your data")
    if fixed and source.file is None and "/" not in reference:
        draft.notes.append(
            f"{name} has views and a network of its own: set it beside "
            f"`papers train {paper.name}/{source.recipe} {path}`, not beside {paper.name}."
        )
    _check_words(source, layers, draft)
    draft.base = _with_baseline(draft)
    load(own.plan)(found, draft)
    if not draft.obstacles and find_spec(f"{paper.package}.own_data") is not None:
        fit = getattr(paper.part("own_data"), "fit", None)
        if fit is not None:
            fit(found, draft)
    if draft.obstacles:
        raise UsageError(_all_at_once(found, draft.obstacles))
    recipe = _resolved(source, layers, draft)
    choices = {key: choice for key, choice in draft.choices.items() if key in recipe.origins}
    return Plan(recipe, found, choices, draft.notes, draft.seconds, name, asked)


def _recipe_of(reference: str, paper: Paper, form: str, baseline: Any) -> tuple[str, bool]:
    """Returns the recipe that is meant for such data, and whether its sizes stay.

    A ``baseline`` in the user's words is the variant of that name, where there is one.
    """
    if "/" in reference or FILE_PATTERN.fullmatch(reference):
        return reference, True
    variant = reference.partition(":")[2]
    recipe = paper.own_data.get(form, paper.default_recipe)
    known = take_variants(read_recipe(path := recipe_path(paper.name, recipe)), path)
    if not variant and baseline in known:
        variant = baseline
    own = not variant or variant in known  # else it is one of the default recipe
    name = f"{paper.name}/{recipe if own else paper.default_recipe}"
    return f"{name}:{variant}" if variant else name, not own


def recognise(path: Path, modalities: Iterable[str] = ()) -> Found:
    """Returns what lies at ``path``, as the first modality that knows it tells.

    Args:
        path: A file or folder.
        modalities: Those of the paper, which are asked of a table first: it may be large, and of
            several forms.

    Raises:
        UsageError: There is nothing, or nothing that a paper reads.
        DataError: A broken file, as its reader would say.
    """
    if not path.exists():
        raise UsageError(f"{path}: does not exist")
    kind = "folder" if path.is_dir() else kind_of(path)
    is_csv = kind in ("csv", "tsv")
    known = [getattr(wing(name), "recognise", "") for name in (modalities if is_csv else WINGS)]
    found: Iterator[Found | None] = (load(one)(path, kind) for one in known if one)
    if (first := next(filter(None, found), None)) is None:
        if is_csv:
            return recognise_csv(path)
        forms = (each.form for name in WINGS for _, each in DataSets(name).sets())
        raise UsageError(f"{path}: not read; papers take {'; '.join(filter(None, forms))}")
    return first


def _kept(source: RecipeReference, layers: list[Layer]) -> frozenset[str]:
    """Returns the keys that the variant sets, and the length that a file of the user's sets."""
    (_, content), *variant = layers
    kept = {key for _, layer in variant for key in _dotted(layer)} - FITTED
    return frozenset(kept | (set(_dotted(content)) & LENGTH if source.file else set()))


def _dotted(values: dict[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        below = _dotted(value) if isinstance(value, dict) else ()
        yield from (key, *(f"{key}.{name}" for name in below))


def _check_words(source: RecipeReference, layers: list[Layer], draft: Draft) -> None:
    """Raises `ConfigError` for a word that is wrong by itself, whatever is planned."""
    try:
        _resolved(source, layers, draft)
    except ConfigError as error:  # of several values together the plan may change one
        if str(error).startswith(COMMAND_LINE):
            raise


def _with_baseline(draft: Draft) -> Recipe:
    """Returns the recipe with the settings of the baseline that the user's words name."""
    baseline = draft.words.get("baseline", draft.base.baseline)
    if baseline == draft.base.baseline:
        return draft.base
    return replace(draft.base, baseline=baseline, method=draft.paper.config(baseline)())


def _paper_of(reference: str) -> Paper:
    """Returns the paper of a recipe for own data: ``paper[/recipe][:variant]`` or a file.

    Raises:
        UsageError: No such paper or file, or a record, which is repeated on its own data.
    """
    if reference.endswith(".json"):
        raise UsageError(f"{reference}: a record is repeated on its own data; leave the path out")
    if FILE_PATTERN.fullmatch(reference):
        return get_paper(find_recipe(reference, read_recipe).paper)
    return get_paper(reference.partition("/")[0].partition(":")[0])


def _choose_form(paper: Paper, found: Found) -> str:
    for form in found.forms:
        if _takes(paper, form):
            return form
    raise UsageError(_refusal(paper, found))


def _takes(paper: Paper, form: str) -> bool:
    return any(name == form for name, _ in _own_sets(paper))


def _own_sets(paper: Paper) -> Iterator[tuple[str, DataSet]]:
    """Yields the sets of a user's own that ``paper`` can train on, by a plan."""
    for name, each in paper.data_sets.sets():
        if each.plan and each.modality in paper.modalities:
            yield name, each


def _refusal(paper: Paper, found: Found) -> str:
    """Returns what is there, what the paper takes, and which papers take what is there."""
    mine = "; ".join(each.form for _, each in _own_sets(paper))
    lines = [f"{found.path}: {found.describe()}", f"{paper.name} takes {mine}"]
    if isinstance(found, CsvFile):
        lines += _columns_sought(paper, found)
    return "\n  ".join([*lines, *_trained_by(found)])


def without_paper(path: str) -> str:
    """Returns the mend where the user's data at ``path`` are named and no paper is.

    Raises:
        UsageError: Nothing at the path that a paper reads.
        DataError: As `recognise`.
    """
    found = recognise(Path(path).expanduser())
    said = f"{path}: {found.describe()}; name the paper first: papers train PAPER {path}"
    return "\n  ".join([said, *_trained_by(found)])


def _trained_by(found: Found) -> Iterator[str]:
    """Yields which papers take what is there, a line for each kind of data that it may be."""
    if images := class_folders(found.path) if isinstance(found, CsvFile) else "":
        yield images
    papers: dict[str, list[str]] = {}
    for form in found.forms:
        names = [name for name in paper_names() if _takes(get_paper(name), form)]
        if names and (known := find_set(form)):
            papers.setdefault(wing(known.modality).title, []).extend(names)
        elif not images:
            yield REMARKS.get(form, "no paper takes such data")
    for kind, names in papers.items():
        yield f"as {kind} it can be trained by {', '.join(names)}"


def _columns_sought(paper: Paper, found: CsvFile) -> Iterator[str]:
    """Yields the columns of a table, and which the paper would take, if it takes any such table."""
    sought = {
        "caption-table": (
            f"images are looked for in {', '.join(PATHS)}, captions in {', '.join(CAPTIONS)}; "
            "name yours: data.image_column=NAME data.caption_column=NAME"
        ),
        "file": (
            f"users are looked for in {', '.join(CLICKS['user'])}, items in "
            f"{', '.join(CLICKS['item'])}; name yours: data.user=NAME data.item=NAME, and "
            "data.time=NAME where the file is not in the order of time"
        ),
        "pairs": (
            f"pairs of texts are looked for in {', '.join(map(' and '.join, PAIRS))}; name yours: "
            "data.columns=[NAME,NAME], or one column of texts: data.columns=[NAME]"
        ),
    }
    for form in filter(lambda form: _takes(paper, form), sought):
        yield f"its columns: {', '.join(column.name for column in found.columns)}"
        yield sought[form]


def _all_at_once(found: Found, obstacles: list[str]) -> str:
    if len(obstacles) == 1:
        return obstacles[0]
    lines = [f"{found.path}: {len(obstacles)} obstacles, each with its mend", *obstacles]
    return "\n  - ".join(lines)


def _resolved(source: RecipeReference, layers: list[Layer], draft: Draft) -> Recipe:
    """Merges the plan between the recipe and the user's words.

    Raises:
        ConfigError: As of any recipe; the plan's own values are not at fault.
    """
    layers = [*layers]
    if "baseline" in draft.words:  # what is planned for `method:` is of the baseline
        layers.append((COMMAND_LINE, {"baseline": draft.words["baseline"]}))
    layers.append((PLAN, {key: choice.value for key, choice in draft.choices.items()}))
    layers.append((COMMAND_LINE, draft.words))
    return resolve(draft.paper, source.recipe, source.variant, layers)
