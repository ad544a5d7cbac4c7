"""`make chaos`: run random stories and print a line for each round, until all rounds are done or it is interrupted."""

import argparse
import itertools
import multiprocessing
import random
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from tests.chaos.story import Tally
from tests.chaos.workers import interrupt_once, tell

ROUNDS_OF_A_STORY = 5


def main() -> int:
    """Run the command line; return 1 if an invariant did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, help="total number of rounds (default: until it is interrupted)")
    parser.add_argument("--seed", help="seed of all random choices (default: another one each time)")
    parser.add_argument("--jobs", type=int, default=2, help="stories at the same time (default: 2)")
    parser.add_argument("--story", type=int, help="run only the story of this number, with --rounds rounds")
    arguments = parser.parse_args()
    seed = arguments.seed or str(random.randrange(10**6))
    print(f"seed {seed}", flush=True)

    interrupt_once()
    tally, begin = Tally(), time.monotonic()
    try:
        for told, failure in _results(seed, _plan(arguments.rounds, arguments.story), arguments.jobs):
            tally.add(told)
            if failure:
                print(f"\n{failure}\n", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    _summarize(tally, time.monotonic() - begin, seed)
    return 1 if tally.failures else 0


def _plan(rounds: int | None, story: int | None) -> Iterator[tuple[int, int]]:
    """Yield the number of each story and its number of rounds."""
    if story is not None:
        yield story, rounds or ROUNDS_OF_A_STORY
        return
    for number in itertools.count():
        left = ROUNDS_OF_A_STORY if rounds is None else rounds - number * ROUNDS_OF_A_STORY
        if left <= 0:
            return
        yield number, min(left, ROUNDS_OF_A_STORY)


def _results(seed: str, plan: Iterable[tuple[int, int]], jobs: int) -> Iterator[tuple[Tally, str | None]]:
    plan = iter(plan)
    running: set[Future[tuple[Tally, str | None]]] = set()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=interrupt_once) as pool:
        while True:
            for number, rounds in itertools.islice(plan, jobs - len(running)):
                running.add(pool.submit(tell, seed, number, rounds))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _summarize(tally: Tally, seconds: float, seed: str) -> None:
    rounds = tally.counts.pop("rounds", 0)
    each = tally.seconds / rounds if rounds else 0
    print(f"\nseed {seed}: {rounds} rounds in {seconds:.0f} s, {each:.1f} s each")
    for what, count in sorted(tally.counts.items()):
        print(f"  {count:5} {what}")
    print(f"{len(tally.failures)} failures")
    for failure in tally.failures:
        print(f"  {failure}")


if __name__ == "__main__":
    sys.exit(main())
