"""Mark tests as `nightly`: `make test` skips them, and `make test-all` runs them."""

from collections.abc import Iterable
from typing import Any

import pytest


def nightly_but_first(cases: Iterable[Any]) -> list[Any]:
    """Return the cases of a parametrized test: the first runs in `make test` too, the others only at night.

    Args:
        cases: The cases, as `pytest.mark.parametrize` takes them.
    """
    first, *others = cases
    return [first, *(_nightly(case) for case in others)]


def _nightly(case: Any) -> Any:
    if not hasattr(case, "marks"):
        case = pytest.param(*case) if isinstance(case, tuple) else pytest.param(case)
    return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.nightly])
