"""The random programs of the chaos runs: the same again from the same seed."""

import random

import pytest

from tests.chaos.faults import some_faults
from tests.chaos.kills import some_kill
from tests.chaos.program import Program


def changed(seed: int) -> tuple[Program, list[str]]:
    rng, program = random.Random(seed), Program()
    return program, [program.change(rng, 3) for _ in range(30)]


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_tells_the_same(seed: int) -> None:
    (program, done), (again, done_again) = changed(seed), changed(seed)
    assert done == done_again
    assert (program, program.text()) == (again, again.text())
    for choose in (lambda rng: some_faults(rng, "key"), lambda rng: some_kill(rng, writes=True)):
        assert [choose(random.Random(seed)) for _ in range(2)] == [choose(random.Random(seed))] * 2
