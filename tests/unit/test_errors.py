"""Each error of botocore becomes a typed error with one line for the user."""

import unicodedata

import pytest
from botocore import exceptions as aws

from pulumi_workspaces_images.aws.failures import AWS_ERRORS, from_aws
from pulumi_workspaces_images.errors import (
    AccessDenied,
    CredentialsError,
    ExpectedError,
    NotFound,
    Refused,
    Unanswered,
    printable,
)

DOING = "sharing image wsi-0a1b2c3d4 with 222222222222 in us-east-1"
ACTION = "workspaces:UpdateWorkspaceImagePermission"
URL = "https://workspaces.us-east-1.amazonaws.com/"


def answer(
    code: str, message: str = "Because.", status: int = 400, operation: str = "UpdateWorkspaceImagePermission"
) -> aws.ClientError:
    """Return the error that botocore raises for an answer of AWS."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return aws.ClientError(response, operation)  # type: ignore[arg-type]


def line(error: Exception) -> str:
    return str(from_aws(error, DOING, ACTION))


CODES: dict[type[ExpectedError], str] = {
    AccessDenied: "AccessDenied AccessDeniedException NotAuthorized UnauthorizedOperation",
    NotFound: "ResourceNotFoundException",
    CredentialsError: "ExpiredToken ExpiredTokenException RequestExpired UnrecognizedClientException "
    "InvalidClientTokenId InvalidAccessKeyId InvalidSignatureException SignatureDoesNotMatch IncompleteSignature "
    "IncompleteSignatureException MissingAuthenticationToken MissingAuthenticationTokenException",
    Unanswered: "Throttling ThrottlingException ThrottledException TooManyRequestsException RequestLimitExceeded "
    "RequestThrottled RequestThrottledException",
    Refused: "ResourceUnavailableException OperationNotSupportedException SomethingNew",
}


@pytest.mark.parametrize(("code", "kind"), [(code, kind) for kind, codes in CODES.items() for code in codes.split()])
def test_error_code_decides_the_kind_of_error(code: str, kind: type[ExpectedError]) -> None:
    """The line begins with what was being done."""
    refusal = answer(code)
    assert isinstance(refusal, AWS_ERRORS)
    error = from_aws(refusal, DOING, ACTION)
    assert type(error) is kind
    assert str(error).startswith(f"{DOING}: ")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_status_of_an_answer_that_is_no_refusal(status: int) -> None:
    assert type(from_aws(answer(str(status), status=status), DOING, ACTION)) is Unanswered


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aws.NoCredentialsError(), CredentialsError),
        (aws.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), CredentialsError),
        (aws.CredentialRetrievalError(provider="custom-process", error_msg="exit 1"), CredentialsError),
        (aws.ProfileNotFound(profile="images"), CredentialsError),
        (aws.SSOTokenLoadError(error_msg="no such file"), CredentialsError),
        (aws.TokenRetrievalError(provider="sso", error_msg="expired"), CredentialsError),
        (aws.NoAuthTokenError(), CredentialsError),
        (aws.EndpointConnectionError(endpoint_url=URL, error="refused"), Unanswered),
        (aws.ReadTimeoutError(endpoint_url=URL), Unanswered),
        (aws.HTTPClientError(error="broken"), Unanswered),
        (aws.DataNotFoundError(data_path="workspaces"), Refused),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_type_decides_the_kind_of_an_error_without_an_answer(error: Exception, kind: type[ExpectedError]) -> None:
    """The line begins with what was being done, and contains botocore's message."""
    assert isinstance(error, AWS_ERRORS)
    typed = from_aws(error, DOING, ACTION)
    assert type(typed) is kind
    assert str(typed).startswith(f"{DOING}: ")
    assert printable(str(error).rstrip(".")) in str(typed)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            answer("AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized."),
            "access denied; the caller needs workspaces:UpdateWorkspaceImagePermission "
            "(User: arn:aws:iam::1:user/x is not authorized)",
        ),
        (answer("ResourceNotFoundException", " No such image. "), "not found (No such image)"),
        (
            answer("ExpiredTokenException", "The token is expired"),
            "the AWS credentials are expired (ExpiredTokenException: The token is expired); renew them, then try again",
        ),
        (
            answer("UnrecognizedClientException", "Invalid token"),
            "the AWS credentials are not accepted (UnrecognizedClientException: Invalid token); "
            "renew them, then try again",
        ),
        (answer("ThrottlingException", "Rate exceeded"), "AWS is throttling (Rate exceeded); try again later"),
        (
            answer("InternalFailure", "Oops", status=500),
            "AWS answered with a server error (500 InternalFailure); try again later",
        ),
        (answer("OperationNotSupportedException", "Not so."), "OperationNotSupportedException: Not so"),
        (
            aws.NoCredentialsError(),
            "no usable AWS credentials (Unable to locate credentials); set them in the environment, "
            "in a profile (aws:profile) or in the stack configuration",
        ),
        (
            aws.EndpointConnectionError(endpoint_url=URL),
            f'no answer from AWS (Could not connect to the endpoint URL: "{URL}"); check the network, then try again',
        ),
    ],
)
def test_line(error: Exception, said: str) -> None:
    """It says what was being done, the cause, and what to do."""
    assert line(error) == f"{DOING}: {said}"


@pytest.mark.parametrize("code", ["InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature"])
def test_signature_that_does_not_match(code: str) -> None:
    """The line names two causes, because AWS gives the same answer if the clock is wrong by five minutes.

    It does not quote AWS, because some services answer with the content of the request and its token.
    """
    assert line(answer(code, "The Canonical String should have been 'POST\n/\nx-amz-security-token:TOKEN")) == (
        f"{DOING}: the AWS credentials are not accepted ({code}: the signature does not match the request, or this "
        "machine's clock is wrong); renew them, then try again"
    )


def test_request_that_could_not_be_built() -> None:
    """The line asks for a line break in the credentials, and hides the HTTP library's message, which quotes them."""
    error = aws.HTTPClientError(error=ValueError("Invalid header value b'AWS4-HMAC-SHA256 Credential=AKIA'"))
    typed = from_aws(error, DOING, ACTION)
    assert type(typed) is CredentialsError
    assert str(typed) == f"{DOING}: the request could not be sent; is there a line break in the AWS credentials?"


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidClientTokenId"])
def test_refused_credentials_in_an_opt_in_region(code: str) -> None:
    """The line says to enable the Region first, because a Region that is not enabled refuses valid credentials."""
    error = from_aws(answer(code, "The security token included in the request is invalid"), DOING, ACTION, "af-south-1")
    assert type(error) is CredentialsError
    assert str(error) == (
        f"{DOING}: the AWS credentials are not accepted in af-south-1 ({code}: The security token included in the "
        "request is invalid); it is an opt-in Region: enable it for the account, or if it is enabled, renew the "
        "credentials, then try again"
    )


@pytest.mark.parametrize("region", ["us-east-1", "eu-north-1", "cn-northwest-1", "us-gov-west-1", ""])
def test_refused_credentials_in_any_other_region(region: str) -> None:
    """The line says to renew the credentials."""
    said = str(from_aws(answer("UnrecognizedClientException"), DOING, ACTION, region))
    assert "opt-in" not in said
    assert said.endswith("; renew them, then try again")


def test_expired_credentials_in_an_opt_in_region() -> None:
    """The line does not mention opting in, because the Region knows the account."""
    assert "opt-in" not in str(from_aws(answer("ExpiredTokenException"), DOING, ACTION, "af-south-1"))


@pytest.mark.parametrize("operation", ["AssumeRole", "AssumeRoleWithWebIdentity"])
def test_role_that_cannot_be_assumed(operation: str) -> None:
    """The line names the missing permission to assume the role, not that of the call that needed the role."""
    error = from_aws(answer("AccessDenied", "no", 403, operation), DOING, ACTION)
    assert type(error) is AccessDenied
    assert str(error) == (
        f"{DOING}: assuming the configured role: access denied; the caller needs sts:{operation} (no)"
    )


@pytest.mark.parametrize(
    "response", [{}, {"Error": {}}, {"Error": {"Code": "404"}}, {"ResponseMetadata": {"HTTPStatusCode": 404}}]
)
def test_incomplete_answer_is_a_refusal(response: dict[str, object]) -> None:
    error = from_aws(aws.ClientError(response, "UpdateWorkspaceImagePermission"), DOING, ACTION)  # type: ignore[arg-type]
    assert type(error) is Refused


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 100 %", "plain text, 100 %"),
        ("größer £ 名前", "größer £ 名前"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("\u202eevil\U000e0001", r"\u202eevil\U000e0001"),
        ("\ud800", r"\ud800"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Control characters are escaped, and printable characters stay."""
    assert printable(text) == shown


def test_printable_escapes_every_control_character() -> None:
    """It also escapes line separators and characters that change the direction of text."""
    everything = "".join(map(chr, range(0x11000)))
    assert not {unicodedata.category(c) for c in printable(everything)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
