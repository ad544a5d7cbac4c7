"""Random plans: a few steps with few names, images and accounts, so that they affect each other."""

import os
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from local.accounts import OWNER
from local.cloud import LocalCloud
from tests.model.engine import Order
from tests.model.steps import (
    IMAGES,
    NAMES,
    OTHER,
    WRITE,
    Drift,
    Fault,
    Image,
    Killed,
    Preview,
    Program,
    Refresh,
    Step,
    Up,
    some_program,
    some_share,
)
from tests.model.world import Pauses, World

images = st.sampled_from(sorted(IMAGES))
chance = st.randoms(use_true_random=False)
shares = st.builds(some_share, chance)
programs = st.builds(some_program, chance, may_contradict=st.just(True))
orders = st.builds(
    Order, st.sampled_from([1, 4]), st.sampled_from(["wait", "hold", "race"]), st.integers(min_value=0, max_value=5)
)
faults = st.builds(
    Fault,
    st.sampled_from(["refuse", "throttle", "fail", "drop", "lose", "kill", "kill late"]),
    st.sampled_from([WRITE, WRITE, WRITE, "DescribeWorkspaceImagePermissions"]),
    st.integers(min_value=0, max_value=2),
    st.sampled_from([100, 1]),
)


def steps(cast: Sequence[Program]) -> st.SearchStrategy[Step]:
    """Draw a step with one of these programs."""
    programs = st.sampled_from(cast)
    return st.one_of(
        st.builds(Up, programs, orders),
        *[st.builds(Up, programs, orders, faults, st.booleans())] * 2,
        st.builds(Up, programs, orders, account=st.just(OTHER), continue_on_error=st.booleans()),
        st.builds(Killed, programs, st.integers(min_value=0, max_value=2), st.booleans(), st.booleans(), programs),
        st.builds(
            Preview, programs, st.frozensets(st.sampled_from(NAMES), max_size=1), st.sampled_from([OWNER, OTHER])
        ),
        st.builds(Refresh, st.sampled_from([OWNER, OWNER, OTHER])),
        st.builds(Drift, shares, st.booleans()),
        st.builds(Image, images, st.booleans()),
    )


@st.composite
def plans(draw: st.DrawFn) -> list[Step]:
    """Draw steps with a few programs, one of them empty. The last step is an up without faults, which heals all."""
    cast = [*draw(st.lists(programs, min_size=2, max_size=3)), Program()]
    plan = [Up(cast[0]), *draw(st.lists(steps(cast), min_size=3, max_size=7))]
    return [*plan, *(Image(image, True) for image in IMAGES), Up(draw(st.sampled_from(cast)))]


#: The number of random plans in `make test`. They are the same every time, unless MODEL_EXAMPLES sets another number.
EXAMPLES = 6


def model(cloud: LocalCloud, pauses: Pauses, examples: int | None = None) -> Callable[[], None]:
    """Return the test that runs random plans and checks the laws after every step.

    Args:
        cloud: the cloud that the plans change.
        pauses: replaces the waits between attempts.
        examples: the number of plans, the same ones every time, without a search for the simplest one that fails.
            Default: `EXAMPLES`, or MODEL_EXAMPLES of the environment, with different plans every time.
    """
    asked = os.environ.get("MODEL_EXAMPLES") if examples is None else None
    phases = [Phase.generate, *([Phase.shrink] if examples is None else [])]

    @settings(
        max_examples=int(asked or examples or EXAMPLES),
        derandomize=not asked,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(plans(), st.booleans())
    def takes_every_plan(plan: Sequence[Step], lags: bool) -> None:
        world = World(cloud, pauses, lags=lags)
        for step in plan:
            note(f"{step}")
            world.take(step)

    return takes_every_plan
