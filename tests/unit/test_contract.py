"""The contract with AWS: all operations, arguments, results and errors of the package are in botocore's models."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import create_loader
from botocore.model import OperationModel, ServiceModel
from botocore.retries.standard import ThrottledRetryableChecker

import pulumi_workspaces_images
from pulumi_workspaces_images import share
from pulumi_workspaces_images.aws import failures as aws_errors
from pulumi_workspaces_images.aws.permissions import PAGE_SIZE
from tests.unit.helpers import DESCRIBE, GRANT, LIST

_LOADER = create_loader()
_SOURCES = sorted(Path(pulumi_workspaces_images.__file__).parent.rglob("*.py"))

# Every operation that the package calls, and the members of its result that it reads, some with a value to compare.
OPERATIONS = {
    "workspaces:DescribeWorkspaceImages": [
        "Images.ImageId",
        "Images.State=AVAILABLE",
        "Images.RequiredTenancy=DEDICATED",
        "Images.OwnerAccountId",
    ],
    "workspaces:DescribeWorkspaceImagePermissions": ["ImagePermissions.SharedAccountId", "NextToken"],
    "workspaces:UpdateWorkspaceImagePermission": [],
    "organizations:DescribeAccount": ["Account.Name", "Account.State=ACTIVE", "Account.Status=ACTIVE"],
    "sts:GetCallerIdentity": ["Account", "Arn"],
    "sts:AssumeRole": ["Credentials"],
    "sts:AssumeRoleWithWebIdentity": ["Credentials"],
}


def model(service: str) -> ServiceModel:
    return ServiceModel(_LOADER.load_service_model(service, "service-2"), service)


MODELS = {service: model(service) for service in ("workspaces", "sts", "organizations")}
WORKSPACES = MODELS["workspaces"]


def operation(action: str) -> OperationModel:
    service, _, name = action.partition(":")
    return MODELS[service].operation_model(name)


def strings(*sources: Path) -> Iterator[str]:
    """Yield the strings in the code, without docstrings."""
    for source in sources:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        documentation = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                yield node.value


# Operations and their arguments.


@pytest.mark.parametrize("action", OPERATIONS)
def test_operation_and_its_result_exist(action: str) -> None:
    output: Any = operation(action).output_shape
    for read in OPERATIONS[action]:
        path, _, compared = read.partition("=")
        shape = output
        for name in path.split("."):
            members = shape.member.members if shape.type_name == "list" else shape.members
            assert name in members, path
            shape = members[name]
        assert not compared or compared in shape.enum


def test_every_iam_action_in_a_message_exists() -> None:
    """Users copy these actions into their policies."""
    action = re.compile(r"(?<![\w/-])(?:workspaces|sts|organizations):[A-Z]\w+")
    named = {name for text in strings(*_SOURCES) for name in action.findall(text)}
    assert named <= set(OPERATIONS)
    assert "organizations:DescribeAccount" in named
    assert {f"workspaces:{LIST}", f"workspaces:{DESCRIBE}", f"workspaces:{GRANT}", "sts:GetCallerIdentity"} <= named


# Errors.


def test_every_modelled_error_is_known() -> None:
    """If a later model adds an error to an operation, decide how the package handles it."""
    modelled = {
        action: {shape.name for shape in operation(action).error_shapes}
        for action in OPERATIONS
        if not action.startswith("sts:")
    }
    assert modelled == {
        "organizations:DescribeAccount": {
            "AWSOrganizationsNotInUseException",
            "AccessDeniedException",
            "AccountNotFoundException",
            "InvalidInputException",
            "ServiceException",
            "TooManyRequestsException",
        },
        f"workspaces:{GRANT}": {
            "AccessDeniedException",
            "InvalidParameterValuesException",
            "OperationNotSupportedException",
            "ResourceNotFoundException",
            "ResourceUnavailableException",
        },
        f"workspaces:{LIST}": {
            "AccessDeniedException",
            "InvalidParameterValuesException",
            "ResourceNotFoundException",
        },
        f"workspaces:{DESCRIBE}": {"AccessDeniedException"},
    }


def test_every_error_code_in_the_code_exists() -> None:
    """A misspelt code would never match. Codes that all services share are left out."""
    here = Path(pulumi_workspaces_images.__file__).parent
    texts = set(strings(*(here / "aws" / name for name in ("failures.py", "permissions.py", "session.py"))))
    codes = {text for text in texts if re.fullmatch(r"\w+Exception", text)}
    own = codes - aws_errors._CREDENTIAL_CODES - aws_errors._THROTTLING_CODES
    assert own >= {"AccessDeniedException", "ResourceNotFoundException", "ResourceUnavailableException"}
    shapes = [shape for name in (GRANT, LIST, DESCRIBE) for shape in WORKSPACES.operation_model(name).error_shapes]
    assert own <= {shape.name for shape in shapes}


def test_botocore_retries_every_throttling_code() -> None:
    """Otherwise the message that AWS throttled every attempt would be wrong."""
    checker: Any = ThrottledRetryableChecker
    assert set(checker._THROTTLED_ERROR_CODES) >= aws_errors._THROTTLING_CODES


# Values.


@pytest.mark.parametrize(("name", "member"), [(LIST, "MaxResults"), (DESCRIBE, "MaxResults"), (DESCRIBE, "ImageIds")])
def test_page_size_is_the_maximum(name: str, member: str) -> None:
    """A smaller page would need more calls, and AWS would refuse a larger one."""
    shape: Any = WORKSPACES.operation_model(name).input_shape
    assert shape.members[member].metadata["max"] == PAGE_SIZE


def test_botocore_has_no_paginator_for_permissions() -> None:
    """If a later botocore has one, remove ours."""
    pages = _LOADER.load_service_model("workspaces", "paginators-1")["pagination"]
    assert DESCRIBE in pages
    assert LIST not in pages


@pytest.mark.parametrize(
    ("pattern", "member"),
    [(share._IMAGE_ID, "ImageId"), (share._ACCOUNT_ID, "SharedAccountId")],
)
def test_pattern_is_that_of_the_model(pattern: re.Pattern[str], member: str) -> None:
    r"""The package and AWS refuse the same ids. `\d` would also match the digits of other scripts."""
    shape: Any = WORKSPACES.operation_model(GRANT).input_shape
    modelled = shape.members[member].metadata["pattern"].removeprefix("^").removesuffix("$")
    assert pattern.pattern == modelled.replace(r"\d", "[0-9]")
