"""Random values: anything that a user may write, and values that are almost valid.

A test tries some dozens of inputs, the same in each run. With FUZZ_EXAMPLES=2000 in the environment it tries 2000,
different ones each time: `FUZZ_EXAMPLES=2000 make test PYTEST_ARGS=tests/fuzz`.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings

from tests.unit.helpers import IMAGE, LEGAL, OWNER, REGION, SALES, UNKNOWN

_EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")


def tries(quick: int) -> settings:
    """Try `quick` inputs, or the number in the environment."""
    return settings(
        max_examples=int(_EXAMPLES or quick),
        derandomize=not _EXAMPLES,
        database=None,
        deadline=None,
        # The inputs of a test share one cloud intentionally.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def mostly(*good: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw one of the good values in two out of three cases."""
    right = st.sampled_from(good)
    return st.one_of(right, right, others)


steering = st.sampled_from(
    ["\x1b[2J", "\x1b]0;t\x07", "\r\n", "\n", "\x00", "\u202e", "\u2028", "\x9b31m", "# ", "'\""]
)
texts = st.one_of(
    st.text(max_size=30),
    st.lists(st.one_of(steering, st.text(max_size=5)), max_size=4).map("".join),
    st.text(min_size=1, max_size=4).map(lambda text: text * 5000),
)
scalars = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(-(2**53), 2**53), texts)


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw nested lists and mappings of `leaves`."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
    )


json_values = nested(scalars)
json_texts = st.one_of(texts, json_values.map(json.dumps), json_values.map(json.dumps).map(lambda text: text[:-1]))

# Values as a provider gets them: numbers are floats, and an unknown value is an object of its own.
properties = nested(st.one_of(scalars, st.just(UNKNOWN)))

image_ids = mostly(
    IMAGE,
    UNKNOWN,
    others=st.one_of(st.sampled_from([f"{IMAGE}\n", IMAGE.upper(), "wsi-", f"wsi-{'a' * 64}"]), properties),
)
account_ids = mostly(
    SALES,
    LEGAL,
    UNKNOWN,
    others=st.one_of(
        st.sampled_from([OWNER, "2222-2222-2222", 222222222222.0, f"{SALES}\n", "٢" * 12, "²" * 12, ""]), properties
    ),
)
account_lists = st.one_of(st.lists(account_ids, max_size=4), st.just([f"{n:012}" for n in range(1, 500)]), properties)
regions = mostly(
    REGION,
    None,
    UNKNOWN,
    others=st.one_of(st.sampled_from(["eu-west-1", "us-esat-1", "fips-us-east-1", ""]), properties),
)


def known(value: object) -> bool:
    """Tell whether `value` contains no unknown value."""
    if isinstance(value, Mapping):
        return all(known(item) for item in value.values())
    if isinstance(value, list):
        return all(known(item) for item in value)
    return value is not UNKNOWN
