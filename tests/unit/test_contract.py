"""The contract with AWS: all operations, arguments, results and errors of the package are in botocore's models."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from botocore import xform_name
from botocore.loaders import create_loader
from botocore.model import OperationModel, ServiceModel
from botocore.retries.standard import ThrottledRetryableChecker
from botocore.validate import ParamValidator

import pulumi_workspaces_images
from pulumi_workspaces_images import share
from pulumi_workspaces_images.aws import failures as aws_errors
from pulumi_workspaces_images.aws.connection import Connection
from pulumi_workspaces_images.aws.permissions import PAGE_SIZE, Permissions
from pulumi_workspaces_images.configuration import aws as configuration
from tests.unit.helpers import DESCRIBE, GRANT, IMAGE, LIST, REGION, SALES, SHARE, FakeConnection, Wire, listing

_LOADER = create_loader()
_SOURCES = sorted(Path(pulumi_workspaces_images.__file__).parent.rglob("*.py"))

# Every operation that the package calls, and the members of its result that it reads.
OPERATIONS = {
    "workspaces:DescribeWorkspaceImages": [
        "Images.ImageId",
        "Images.State",
        "Images.RequiredTenancy",
        "Images.OwnerAccountId",
    ],
    "workspaces:DescribeWorkspaceImagePermissions": ["ImagePermissions.SharedAccountId", "NextToken"],
    "workspaces:UpdateWorkspaceImagePermission": [],
    "organizations:DescribeAccount": ["Account.Name", "Account.State", "Account.Status"],
    "sts:GetCallerIdentity": ["Account", "Arn"],
    "sts:AssumeRole": [
        "Credentials.AccessKeyId",
        "Credentials.SecretAccessKey",
        "Credentials.SessionToken",
        "Credentials.Expiration",
    ],
    "sts:AssumeRoleWithWebIdentity": [
        "Credentials.AccessKeyId",
        "Credentials.SecretAccessKey",
        "Credentials.SessionToken",
        "Credentials.Expiration",
    ],
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
    """Every member of the result that the package reads exists."""
    output: Any = operation(action).output_shape
    for path in OPERATIONS[action]:
        shape = output
        for name in path.split("."):
            members = shape.member.members if shape.type_name == "list" else shape.members
            assert name in members, path
            shape = members[name]


def test_no_other_operation_is_called() -> None:
    """The code calls exactly the operations above."""
    called = set()
    for source in _SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr="get_paginator"), args=[ast.Constant(value=method)]):
                    pass
                case ast.Call(func=ast.Attribute(value=owner, attr=method)):
                    pass
                case _:
                    continue
            match owner:
                case ast.Name(id="client") | ast.Call(func=ast.Attribute(attr="client" | "_client")):
                    called.add(method)
    names = {action: xform_name(action.partition(":")[2]) for action in OPERATIONS}
    assert called <= set(names.values())
    assert called == set(names.values())


def test_every_iam_action_in_a_message_exists() -> None:
    """Users copy these actions into their policies."""
    action = re.compile(r"(?<![\w/-])(?:workspaces|sts|organizations):[A-Z]\w+")
    named = {name for text in strings(*_SOURCES) for name in action.findall(text)}
    assert named <= set(OPERATIONS)
    assert "organizations:DescribeAccount" in named
    assert {f"workspaces:{LIST}", f"workspaces:{DESCRIBE}", f"workspaces:{GRANT}", "sts:GetCallerIdentity"} <= named


def test_arguments_of_the_image_operations(wire: Wire, make_client: Callable[..., Any]) -> None:
    """Requests have the names and types of the model, and all required arguments."""
    client = make_client(REGION)
    sent: list[tuple[str, dict[str, Any]]] = []

    def keep(params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        sent.append((model.name, params))

    client.meta.events.register("before-parameter-build", keep)
    asked = Permissions(cast(Connection, FakeConnection(lambda _: client)))
    wire.will({}, {}, listing(token="next"), listing(SALES), {"Images": [{"ImageId": IMAGE}]})
    asked.grant(SHARE)
    asked.revoke(SHARE)
    assert not asked.is_shared(SHARE)
    asked.is_shared(SHARE._replace(shared_account_id="333333333333"))
    asked.describe(IMAGE, REGION)
    assert [name for name, _ in sent] == [GRANT, GRANT, LIST, LIST, DESCRIBE]
    for name, params in sent:
        shape: Any = WORKSPACES.operation_model(name).input_shape
        assert not ParamValidator().validate(params, shape).has_errors()
    assert sent[3][1] == {"ImageId": IMAGE, "MaxResults": PAGE_SIZE, "NextToken": "next"}


def test_arguments_of_assuming_a_role() -> None:
    """Every key of the configuration becomes an argument of the STS operation."""
    role = {
        "roleArn": "arn:aws:iam::111111111111:role/images",
        "sessionName": "pulumi",
        "duration": "1h",
        "policy": '{"Version": "2012-10-17", "Statement": []}',
        "policyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    }
    chained = {
        **role,
        "externalId": "external",
        "sourceIdentity": "someone",
        "tags": {"team": "images"},
        "transitiveTagKeys": ["team"],
    }
    read = configuration.read_aws(
        {
            "aws:assumeRoles": json.dumps([chained]),
            "aws:assumeRoleWithWebIdentity": json.dumps({**role, "webIdentityToken": "token"}),
        }
    )
    assert read.assume_roles
    assert read.assume_role_with_web_identity
    web = read.assume_role_with_web_identity.request | {"WebIdentityToken": "token"}
    for action, params, number in [
        ("sts:AssumeRole", read.assume_roles[0], len(chained)),
        ("sts:AssumeRoleWithWebIdentity", web, len(role) + 1),
    ]:
        shape: Any = operation(action).input_shape
        report = ParamValidator().validate(params, shape)
        assert not report.has_errors(), report.generate_report()
        assert len(params) == number


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


def test_every_error_class_of_a_client_exists() -> None:
    """If the service has no error X, `client.exceptions.X` raises AttributeError only when the line runs."""
    known = {shape.name for service in MODELS.values() for shape in service.error_shapes}
    caught = set()
    for source in _SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            match node:
                case ast.Attribute(value=ast.Attribute(value=ast.Name(id="client"), attr="exceptions"), attr=name):
                    caught.add(name)
    assert caught <= known
    assert {"AccountNotFoundException", "AWSOrganizationsNotInUseException"} <= caught


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


@pytest.mark.parametrize(("member", "value"), [("State", "AVAILABLE"), ("RequiredTenancy", "DEDICATED")])
def test_value_that_is_compared_exists(member: str, value: str) -> None:
    """A misspelt value would never match."""
    output: Any = WORKSPACES.operation_model(DESCRIBE).output_shape
    assert value in output.members["Images"].member.members[member].enum


def test_state_of_an_account_that_is_compared_exists() -> None:
    """`ACTIVE` is a value of both members that tell the state of an account."""
    output: Any = operation("organizations:DescribeAccount").output_shape
    for member in ("State", "Status"):
        assert "ACTIVE" in output.members["Account"].members[member].enum


@pytest.mark.parametrize(
    ("pattern", "member"),
    [(share._IMAGE_ID, "ImageId"), (share._ACCOUNT_ID, "SharedAccountId")],
)
def test_pattern_is_that_of_the_model(pattern: re.Pattern[str], member: str) -> None:
    r"""The package and AWS refuse the same ids. `\d` would also match the digits of other scripts."""
    shape: Any = WORKSPACES.operation_model(GRANT).input_shape
    modelled = shape.members[member].metadata["pattern"].removeprefix("^").removesuffix("$")
    assert pattern.pattern == modelled.replace(r"\d", "[0-9]")
