"""Run programs with Pulumi's mocks instead of the engine."""

import contextvars
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from tests.unit.helpers import OWNER

SHARE = "pulumi-python:dynamic/workspaces:ImageShare"
EXCLUSIVE = "pulumi-python:dynamic/workspaces:ImageSharesExclusive"
REVOKED = "444444444444"
"""The account whose share the mocked exclusive list has revoked."""


class Recorder(Mocks):
    """Records every resource that is registered or read, and answers like the providers."""

    def __init__(self) -> None:
        self.seen: list[MockResourceArgs] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.seen.append(args)
        outputs = {**args.inputs, "owner_account_id": OWNER}
        if args.typ == EXCLUSIVE:
            return f"{args.inputs.get('image_id')}", {**outputs, "revoked_account_ids": [REVOKED]}
        if args.resource_id:
            outputs["image_id"], _, outputs["shared_account_id"] = args.resource_id.partition("/")
        return f"{outputs.get('image_id')}/{outputs.get('shared_account_id')}", outputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        pytest.fail(f"the program calls {args.token}")

    def of(self, kind: str) -> dict[str, MockResourceArgs]:
        return {seen.name: seen for seen in self.seen if seen.typ == kind}


def run(program: Callable[[], object], preview: bool = False, **own: str) -> tuple[Recorder, list[Any]]:
    """Run a program with these values of the package's own configuration keys.

    Returns:
        The resources that the engine sees, and the values of the output that the program returns, if any.
    """
    recorder, values = Recorder(), list[Any]()

    def run_mocked() -> None:
        pulumi.runtime.set_mocks(recorder, project="shares", stack="dev", preview=preview)
        pulumi.runtime.set_all_config({f"workspaces-images:{key}": value for key, value in own.items()}, [])

        def resolve() -> pulumi.Output[None] | None:
            output = program()
            return output.apply(values.append) if isinstance(output, pulumi.Output) else None

        wait_for: Any = pulumi.runtime.test
        wait_for(resolve)()

    # Pulumi keeps its settings in context variables, so they are lost when this context ends.
    contextvars.copy_context().run(run_mocked)
    return recorder, values
