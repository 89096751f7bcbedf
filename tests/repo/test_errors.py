"""Errors have one form: the file or key, the value, what is allowed; once and short."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from common.config.checkout import SOURCE_ROOT

LONGEST = 120  # letters of a message beside the values that it shows
# Its message shows the two commands that work.
WITH_COMMANDS = "common/evaluation/text_config.py"
# A message opens with a value, such as a file's path, or with one of these.
KEYS = re.compile(
    r"--\w|[a-z_]+\.|unknown |command line: |papers[ /]|meta-path |train/loss"
    r"|standard output|INPUT: |open_clip:|row |item |labels: |protocols: "
    r"|(text_)?backbone|this encoder |a probe |(protocols|every_n_epochs)="
    r"|(arm|baseline|checkpoints|data|evaluation|paper|seed|trainer)\b"
)


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for part in ("common", "papers"):
        for path in sorted((SOURCE_ROOT / part).rglob("*.py")):
            yield path.relative_to(SOURCE_ROOT), ast.parse(path.read_text(encoding="utf-8"))


def users_errors() -> set[str]:
    """Returns the names of `LikewiseError` and of all that derive from it."""
    bases = {
        node.name: {getattr(base, "id", "") for base in node.bases}
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"LikewiseError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def messages() -> Iterator[tuple[str, ast.expr]]:
    """Yields the place and the message of each `raise` of such an error."""
    names = users_errors()
    for path, tree in modules():
        for node in ast.walk(tree):
            error = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(error, ast.Call) and getattr(error.func, "id", "") in names:
                yield f"{path}:{node.lineno}", error.args[0]


def first_of(message: ast.expr) -> ast.expr:
    while isinstance(message, ast.BinOp | ast.JoinedStr):
        message = message.left if isinstance(message, ast.BinOp) else message.values[0]
    return message


def words_of(message: ast.expr) -> str:
    parts = [node.value for node in ast.walk(message) if isinstance(node, ast.Constant)]
    return "".join(part for part in parts if isinstance(part, str))


def test_a_message_opens_with_the_file_or_key() -> None:
    openings = [(place, first_of(message)) for place, message in messages()]
    assert len(openings) > 400, "there are more errors than this finds"
    wrong = [
        f"{place}: {opening.value}"
        for place, opening in openings
        if isinstance(opening, ast.Constant) and not KEYS.match(str(opening.value))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_message_is_short_and_in_english_that_opens_no_sentence_with_of() -> None:
    for place, message in messages():
        words = words_of(message)
        assert len(words) <= LONGEST or place.startswith(WITH_COMMANDS), (
            f"{place}: {len(words)} letters"
        )
        assert not re.search(r"(^|[.;:] )Of ", words), place
