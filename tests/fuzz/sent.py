"""The requests to AWS, validated against the models of its services."""

import re
from typing import Any

from botocore.client import BaseClient
from botocore.model import Shape
from botocore.validate import ParamValidator


class Sent:
    """Records and validates the requests of all clients.

    Attributes:
        requests: the operation and the parameters of each request.
        refused: the problems that the models report.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refused: list[str] = []

    def note(self, client: BaseClient, operation: str, params: dict[str, Any]) -> None:
        self.requests.append((operation, params))
        shape = client.meta.service_model.operation_model(operation).input_shape
        if shape is None:
            return
        report = ParamValidator().validate(params, shape)
        problems = [report.generate_report()] if report.has_errors() else _misspelt(params, shape, operation)
        self.refused += problems
        # The package may handle this exception like one of its own bugs, so `refused` records the problems, too.
        assert not problems

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.requests]


def _misspelt(value: Any, shape: Shape, at: str) -> list[str]:
    """Return the strings that do not match the model's pattern. botocore does not check patterns."""
    found: Any = shape
    if shape.type_name == "structure":
        return [p for name, v in value.items() for p in _misspelt(v, found.members[name], f"{at}.{name}")]
    if shape.type_name == "list":
        return [p for item in value for p in _misspelt(item, found.member, f"{at}[]")]
    pattern = shape.metadata.get("pattern")
    if not isinstance(value, str) or not pattern or "\\p" in pattern or "[:" in pattern:
        return []
    return [] if re.search(pattern, value, re.ASCII) and "\n" not in value else [f"{at}: {value!r} is not {pattern}"]
