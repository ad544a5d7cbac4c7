"""Translate what botocore raises into the failures that a user sees.

This imports botocore, which a program that only declares shares does not need.
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    LoginError,
    MissingDependencyException,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from ..errors import AccessDenied, CredentialsError, ExpectedError, NotFound, Refused, Unanswered, without_passwords
from .regions import may_be_disabled

# Every error of botocore and AWS is one of these three.
AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)

# No such host, refused, timed out, closed, no TLS, a proxy in the way. In botocore neither class is a subclass of the
# other.
NO_ANSWER = (HTTPClientError, NoConnectionError)

_CREDENTIAL_CODES = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
# Also the answer of a Region that is not enabled for the account.
_UNKNOWN_KEY_CODES = {"InvalidClientTokenId", "UnrecognizedClientException"}
# AWS explains these by repeating the request, its security token and Authorization header included.
_SIGNATURE_CODES = {code for code in _CREDENTIAL_CODES if "Signature" in code}
_CREDENTIAL_ERRORS = (
    CredentialRetrievalError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_ACCESS_CODES = {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}
_THROTTLING_CODES = {
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
}


class CredentialProcessFailed(BotoCoreError):
    """The credential process of a profile returned no credentials."""

    fmt = "{problem}"


def from_aws(error: Exception, doing: str, action: str, region: str = "") -> ExpectedError:
    """Return the typed error for an error of botocore.

    Args:
        error: the error, one of `AWS_ERRORS`. It is matched by type and code, never by message.
        doing: what was being done, e.g. `sharing image wsi-0a1b2c3d4 with 222222222222 in us-east-1`.
        action: the IAM action behind it, e.g. `workspaces:UpdateWorkspaceImagePermission`.
        region: the Region that was asked; empty if that does not matter.
    """
    if isinstance(error, ClientError):
        return _from_answer(error, doing, action, region)
    if isinstance(error, CredentialProcessFailed):
        return CredentialsError(f"{doing}: {_text(error)}")
    if isinstance(error, MissingDependencyException):
        return CredentialsError(
            f"{doing}: an AWS profile made by `aws login` needs an extra package: run `pip install 'botocore[crt]'` "
            "in the virtual environment of the program, or sign in another way"
        )
    if isinstance(error, _CREDENTIAL_ERRORS):
        return CredentialsError(
            f"{doing}: no usable AWS credentials ({_text(error)}); set them in the environment, "
            "in a profile (aws:profile) or in the stack configuration"
        )
    if isinstance(error, HTTPClientError) and isinstance(error.kwargs.get("error"), ValueError):
        # Not a network failure: the request could not even be built. The error's text would show the signed header.
        return CredentialsError(
            f"{doing}: the request could not be sent; is there a line break in the AWS credentials?"
        )
    if isinstance(error, NO_ANSWER):
        return Unanswered(f"{doing}: no answer from AWS ({_text(error)}); check the network, then try again")
    if isinstance(error, ResponseParserError):
        # Its text is the answer, whoever sent it: it may contain anything, for example the keys of a role.
        return Unanswered(f"{doing}: the answer cannot be read; is a proxy in the way? try again later")
    return Refused(f"{doing}: {_text(error)}")


def may_pass(error: Exception | None) -> bool:
    """Tell whether another attempt may succeed: after no answer, throttling or a server error."""
    return isinstance(error, AWS_ERRORS) and isinstance(from_aws(error, "", ""), Unanswered)


def is_unavailable(error: Exception | None) -> bool:
    """Tell whether AWS refuses a write for now because something else is being done to the image."""
    return isinstance(error, ClientError) and _code(error) == "ResourceUnavailableException"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _from_answer(error: ClientError, doing: str, action: str, region: str) -> ExpectedError:
    code = _code(error)
    said = str(error.response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # A role is assumed inside of another call: then the operation that failed is not `action`.
    if error.operation_name.startswith("AssumeRole"):
        action = f"sts:{error.operation_name}"
        doing = f"{doing}: assuming the configured role"
    if code in _CREDENTIAL_CODES:
        if code in _SIGNATURE_CODES:
            said = "the signature does not match the request, or this machine's clock is wrong"
        if code in _UNKNOWN_KEY_CODES and may_be_disabled(region):
            return CredentialsError(
                f"{doing}: the AWS credentials are not accepted in {region} ({code}: {said}); it is an opt-in Region: "
                "enable it for the account, or if it is enabled, renew the credentials, then try again"
            )
        what = "expired" if "Expired" in code else "not accepted"
        return CredentialsError(f"{doing}: the AWS credentials are {what} ({code}: {said}); renew them, then try again")
    if code in _ACCESS_CODES:
        return AccessDenied(f"{doing}: access denied; the caller needs {action} ({said})")
    if code == "ResourceNotFoundException":
        return NotFound(f"{doing}: not found ({said})")
    if code in _THROTTLING_CODES or status == 429:
        return Unanswered(f"{doing}: AWS is throttling ({said}); try again later")
    if status >= 500 or status == 408:
        return Unanswered(f"{doing}: AWS answered with a server error ({status} {code}); try again later")
    if code == str(status) and not said:  # what botocore makes of an error without a code
        return Refused(f"{doing}: the answer ({status}) cannot be read; is a proxy in the way?")
    return Refused(f"{doing}: {code}: {said}")


def _text(error: Exception) -> str:
    return without_passwords(str(error)).strip().rstrip(".")
