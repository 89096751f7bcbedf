"""The words of the generated set `relations`: scenes in numbers, and the captions they have.

A scene says of two objects their shape, colour and size, and how the first stands to the second;
and of the whole its ground and its frame.
"""

from dataclasses import dataclass, replace

SHAPES = ("square", "ring", "cross", "bar", "circle", "triangle", "diamond", "pole")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "white")
SIZES = ("small", "large")
GROUNDS = ("night", "forest", "wine", "ocean", "earth", "slate", "moss", "plum")
FRAMES = ("ivory", "coal", "rose", "lime", "sky", "rust", "gold", "teal")
# By relation: 0 left of, 1 right of, 2 above, 3 below; neighbours in pairs are opposite.
PLAIN = ("left-of", "right-of", "above", "below")
RICH = (
    ("left of", "to the left of"),
    ("right of", "to the right of"),
    ("above", "over"),
    ("below", "under"),
)
OPENERS = ("", "a picture of ", "there is ", "we see ")
OTHER_WORDS = ("a", "on", "in", "framed", "frame")
# Words that mean the same, where one word says it.
SYNONYMS = (("above", "over"), ("below", "under"))
PROMPTS = ("a {}", "a picture of a {}", "there is a {}")


def words() -> list[str]:
    """Returns every word of the grammar, plain and rich, sorted."""
    phrases = (*PLAIN, *(phrase for pair in RICH for phrase in pair), *OPENERS, *OTHER_WORDS)
    single = (*SHAPES, *COLOURS, *SIZES, *GROUNDS, *FRAMES)
    return sorted({word for phrase in (*phrases, *single) for word in phrase.split()})


@dataclass(frozen=True)
class Thing:
    """An object, by index; ``says_size`` tells whether a rich caption mentions its size."""

    shape: int
    colour: int
    size: int
    says_size: bool = False

    def noun(self, rich: bool) -> str:
        """Returns the noun phrase without its article."""
        size = f"{SIZES[self.size]} " if rich and self.says_size else ""
        return f"{size}{COLOURS[self.colour]} {SHAPES[self.shape]}"


@dataclass(frozen=True)
class Scene:
    """What a caption tells: the first object stands in ``relation`` to the second.

    ``opener``, ``synonym`` and ``frame_first`` choose among the rich forms.
    """

    first: Thing
    second: Thing
    relation: int
    ground: int
    frame: int
    opener: int = 0
    synonym: int = 0
    frame_first: bool = False

    def caption(self, rich: bool) -> str:
        """Returns the plain or the rich caption."""
        ground, frame = GROUNDS[self.ground], FRAMES[self.frame]
        first, second = self.first.noun(rich), self.second.noun(rich)
        if not rich:
            return f"a {first} {PLAIN[self.relation]} a {second} on {ground} in {frame}"
        context = f"framed in {frame} on {ground}" if self.frame_first else ""
        context = context or f"on {ground} in a {frame} frame"
        relation = RICH[self.relation][self.synonym]
        return f"{OPENERS[self.opener]}a {first} {relation} a {second} {context}"

    def variants(self) -> dict[str, "Scene"]:
        """Returns the four false scenes and the true paraphrase, by name."""
        one, two = self.first, self.second
        # The words about size stay with the place where only colours or shapes are exchanged.
        colours = replace(one, colour=two.colour), replace(two, colour=one.colour)
        shapes = replace(one, shape=two.shape), replace(two, shape=one.shape)
        opposite = self.relation ^ 1
        return {
            "swap_colours": replace(self, first=colours[0], second=colours[1]),
            "swap_shapes": replace(self, first=shapes[0], second=shapes[1]),
            "swap_objects": replace(self, first=two, second=one),
            "invert": replace(self, relation=opposite),
            "para": replace(self, first=two, second=one, relation=opposite),
        }
