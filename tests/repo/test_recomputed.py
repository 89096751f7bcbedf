"""The verdicts on the pages, computed again from records and claims, without `common.results`."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import yaml
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
PAPERS = sorted(path.parent.name for path in ROOT.glob("papers/*/claims.yaml"))
HASHES = json.loads((ROOT / "tests/repo/config_hashes.json").read_text())
NO_NUMBER = "no number is reported for this setting"
STALE = r"(?:not checked|moved|steps cannot tell|other versions|mixed|other recipe)"
LOWER = re.compile(
    r"(^|[/_])(mse|mae|rmse|gm|fpe)(@\d+)?$|_leak$|gap_(separability|centroid_distance)$"
    r"|reconstruction_error$"
)


def records(paper):
    """Yields what counts: trained here, no pilot, not changed by hand."""
    for path in sorted((ROOT / "results" / paper).glob("*.json")):
        record = json.loads(path.read_text())
        by_hand = record.get("scaled") and record["scaled_reason"] != NO_NUMBER
        official = record.get("origin", "likewise") != "likewise"
        if not (record.get("pilot") or official or by_hand):
            yield record


def arms(setting):
    """Returns the settings of each arm: ``{arm: [names of variants]}``; None is the recipe."""
    recipe = yaml.safe_load((ROOT / "configs" / f"{setting}.yaml").read_text())
    if base := recipe.get("base"):
        shared = yaml.safe_load((ROOT / "configs" / f"{base}.yaml").read_text())
        for name, layer in (shared.get("variants") or {}).items():
            own = recipe.setdefault("variants", {}).get(name) or {}
            recipe["variants"][name] = {**layer, **own}
    own, found = recipe.get("arm", "method"), defaultdict(list)
    variants = recipe.get("variants") or {}
    found[own].append({None, *(name for name, layer in variants.items() if not layer)})
    for name, layer in variants.items():
        if layer:
            found[layer.get("arm", own)].append({name})
    return found


def side(rows, name, metric, known):
    """Returns ``{(data, protocol, configuration): {seed: (value, finished)}}`` of an arm."""
    arm, _, variant = name.partition(":")
    names = next(one for one in known[arm] if not variant or variant in one)
    found = defaultdict(dict)
    for row in rows:
        named = f"{row['paper']}/{row['recipe']}" + (f":{row['variant']}" if row["variant"] else "")
        if row["config_hash"] != HASHES.get(named):
            continue  # the setting has been written anew since
        if row["arm"] == arm and row["variant"] in names and metric in row["metrics"]:
            key = row["data_hash"], row["protocol"], row["config_hash"]
            found[key][row["seed"]] = row["metrics"][metric], row["finished"], row
    return found


def tried(claim, rows):
    """Yields the paired differences of each pair of groups, and whether they were seen before."""
    known, metric = arms(claim["setting"]), claim["metric"]
    sides = []
    for key in ("ahead", "behind"):
        name = claim[key]
        if name.startswith("reference/"):
            sides.append(name.removeprefix("reference/"))
        else:
            sides.append(side(rows, name, metric, known))
    trained = next(one for one in sides if isinstance(one, dict))
    for key, first in trained.items():
        others = [one for one in sides if one is not trained]
        if isinstance(others[0], str):
            second = {
                seed: (row["references"][others[0]][metric], finished, row)
                for seed, (_, finished, row) in first.items()
                if others[0] in row["references"]
            }
            pairs = [second]
        else:
            pairs = [one for other, one in others[0].items() if other[:2] == key[:2]]
        for second in pairs:
            ahead, behind = (first, second) if sides[0] is trained else (second, first)
            yield paired(claim, ahead, behind)


def paired(claim, ahead, behind):
    sign = -1 if claim["better"] == "lower" else 1
    seeds = sorted(ahead.keys() & behind.keys())
    gaps = {seed: sign * (ahead[seed][0] - behind[seed][0]) for seed in seeds}
    newer = [gaps[s] for s in seeds if min(ahead[s][1], behind[s][1]) >= str(claim["committed"])]
    enough = len(newer) >= 3
    return (newer if enough else list(gaps.values())), not enough and len(newer) < len(gaps)


def verdict(gaps, matters):
    if not gaps:
        return "not run"
    if len(gaps) < 2:
        return "undecided"
    mean = fmean(gaps)
    half = stats.t.ppf(0.975, len(gaps) - 1) * stats.sem(gaps)
    if len(gaps) < 3:
        return "undecided"
    if abs(mean) + half < matters:
        return "no difference" if abs(mean) <= half else "differs, by less than matters"
    if abs(mean) > half:
        return "holds" if mean > 0 else "opposite"
    return "undecided"


def shown(paper):
    """Returns the verdicts of the paper's page by what the claim says."""
    found = {}
    for line in (ROOT / "papers" / paper / "RESULTS.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if line.startswith("| ") and len(cells) == 7 and " ahead of " in cells[1]:
            found[cells[0].removeprefix("| "), cells[1], cells[2]] = cells[-1].removesuffix(" |")
    return found


@pytest.mark.parametrize("paper", PAPERS)
def test_the_verdicts_of_claims_are_those_of_the_records(paper):
    claims = yaml.safe_load((ROOT / "papers" / paper / "claims.yaml").read_text())["claims"]
    counted, pages = [*records(paper)], shown(paper)
    for claim in (one for one in claims if "setting" in one):
        of_setting = [
            row for row in counted
            if f"{paper}/{row['recipe']}" == claim["setting"] and row["weights"] == "trained"
        ]  # fmt: skip
        found = max(tried(claim, of_setting), key=lambda one: len(one[0]), default=([], False))
        words = verdict(found[0], claim["matters"])
        says = " ".join(claim["says"].split())
        between = f"`{claim['ahead']}` ahead of `{claim['behind']}`"
        where = f"`{claim['setting']}`, {claim['metric'].removeprefix('test/')}"
        line = pages[says, between, where]
        assert re.match(rf"(?:{STALE} \()?{re.escape(words)}(?![\w,])|{words}, by", line), (
            claim["id"],
            line,
            words,
        )
        assert ("seen before" in line) == found[1], (claim["id"], line)


def reproduced(value, margin, ours, untrained, lower, spread=None, n=None):
    """Tells whether ours agree with a reported number, and training has a part in it."""
    gap, own = fmean(ours) - value, np.var(ours, ddof=1) / len(ours)
    other = spread**2 / n if spread else 0.0
    total, free = own + other, len(ours) - 1
    if other and total:
        free = total**2 / (own**2 / (len(ours) - 1) + other**2 / (n - 1))
    if abs(gap) + stats.t.ppf(0.975, free) * np.sqrt(total) > margin:
        return None
    better = np.subtract(untrained, ours) if lower else np.subtract(ours, untrained)
    half = stats.t.ppf(0.975, len(better) - 1) * stats.sem(better)
    return bool(better.mean() > half and abs(fmean(untrained) - value) > margin)


def latest_groups(paper, entry):
    """Returns the newest runs of the entry's setting by seed."""
    setting = entry["recipe"], entry.get("variant"), entry["arm"], entry["data"], "trained"
    groups = defaultdict(dict)
    for row in sorted(records(paper), key=lambda one: one["finished"]):
        theirs = row["recipe"], row["variant"], row["arm"], row["data"], row["weights"]
        same_data = entry.get("data_hash", row["data_hash"]) == row["data_hash"]
        if theirs == setting and same_data and entry["protocol"] in row["protocol"].split("+"):
            groups[row["data_hash"], row["protocol"], row["config_hash"]][row["seed"]] = row
    return max(
        groups.values(), key=lambda one: max(r["finished"] for r in one.values()), default={}
    )


def test_the_numbers_that_count_as_reproduced_are_those_of_the_records():
    expected, found = Counter(), Counter()
    for paper in PAPERS:
        path = ROOT / "papers" / paper / "reported.yaml"
        content = yaml.safe_load(path.read_text()) if path.is_file() else {}
        for entry in (content or {}).get("results") or []:
            runs = latest_groups(paper, entry)
            for metric, number in entry["metrics"].items():
                shared = [
                    r for r in runs.values() if metric in r["references"].get("untrained", {})
                ]
                if entry.get("weights", "trained") != "trained" or len(shared) < 3:
                    continue
                agrees = reproduced(
                    float(number["value"]),
                    float(number["margin"]),
                    [row["metrics"][metric] for row in shared],
                    [row["references"]["untrained"][metric] for row in shared],
                    bool(LOWER.search(metric)),
                    number.get("spread"),
                    number.get("n"),
                )
                if agrees is not None:
                    expected[paper, "reproduced" if agrees else "agrees, not telling"] += 1
        page = (ROOT / "papers" / paper / "RESULTS.md").read_text()
        for line in page.splitlines():
            if line.startswith("| ") and (
                status := re.search(r"\| [^|]*?(reproduced|agrees, not telling)[^|]*\|$", line)
            ):
                found[paper, status[1]] += 1
    assert found == expected and found.total() > 0
