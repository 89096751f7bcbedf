"""Images a second and core at which OW-Forge-20 is generated.

    python -m benchmarks.standin

Makes the same number of images of every forger in a round, faces and photographs being loaded
before.
"""

from benchmarks.timing import interleave, parse, parser, timed
from papers.owdfa_cpl.readers.ow_forge_20 import load_pools
from papers.owdfa_cpl.standin.forgeries import FORGERIES
from papers.owdfa_cpl.standin.generate import make_images

EACH = 10


def measure(rounds: int, clock: str) -> None:
    pools = load_pools()

    def generate() -> None:
        for number in range(len(FORGERIES)):
            make_images(number, 0, range(EACH), 2000, pools)

    timing = interleave({"generate": timed(generate, 1, clock)}, rounds)["generate"]
    rates = sorted(EACH * len(FORGERIES) / seconds for seconds in timing.seconds)
    rate = EACH * len(FORGERIES) / timing.median
    print(f"{rate:.0f} images/s [{rates[0]:.0f} .. {rates[-1]:.0f}], {rounds} rounds")


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.set_defaults(threads=1, clock="cpu", rounds=9)
    chosen = parse(options)
    measure(chosen.rounds, chosen.clock)
