"""What the local cloud assumes about AWS where AWS documents nothing.

This table is the only place for such assumptions: `Images` answers as it says. `make acceptance` asks AWS the questions
that can be asked safely, and `local.acceptance.table` compares AWS's answers with these. docs/aws-behaviour.md explains
each of them.
"""

from __future__ import annotations

from typing import NamedTuple

Answer = str | int | float

SUCCESS = "success"


class Assumption(NamedTuple):
    """One question that AWS's documentation leaves open.

    Attributes:
        question: The question.
        answer: What is assumed: `SUCCESS` or an error code, a word, or a number. A number of seconds (a float) is the
            most that the package tolerates.
        asked: Whether `make acceptance` asks it. The other questions would need a broken image, or a write that might
            change more than the share.
    """

    question: str
    answer: Answer
    asked: bool = True


ASSUMPTIONS = {
    "revoke_ungranted": Assumption("Revoke a share that was never granted", "OperationNotSupportedException"),
    "grant_granted": Assumption("Grant a share that is granted", SUCCESS),
    "unknown_image": Assumption("List the shares of an image that does not exist", "ResourceNotFoundException"),
    "others_image": Assumption("List the shares of another account's image", "ResourceNotFoundException"),
    "recipient_sees_image": Assumption("Does the recipient see the image at once?", "yes"),
    # The local cloud's listing shows a write at once, except under the fault `lag`. The package repeats its listing
    # until 10 s have passed (`LOOK_AGAIN`).
    "grant_lag": Assumption("Seconds until the listing shows a grant", 10.0),
    "revoke_lag": Assumption("Seconds until the listing shows a revoke", 10.0),
    "page_size": Assumption("Shares on a full page of the listing, with MaxResults 25", 25),
    "smallest_page": Assumption("Shares on the first page of the listing, with MaxResults 1", 1),
    "token_after_full_page": Assumption("Does a last page that is full have a NextToken?", "no"),
    "unknown_token": Assumption(
        "List the shares from a NextToken that AWS never gave", "InvalidParameterValuesException"
    ),
    "malformed_image": Assumption("Name a malformed image id", "InvalidParameterValuesException", asked=False),
    "malformed_account": Assumption(
        "Share with a malformed account id", "InvalidParameterValuesException", asked=False
    ),
    "grant_to_owner": Assumption("Share an image with its owner", "InvalidParameterValuesException", asked=False),
    "pending_image": Assumption("Share an image that is PENDING", "ResourceUnavailableException", asked=False),
    "failed_image": Assumption("Share an image in state ERROR", "OperationNotSupportedException", asked=False),
    "byol_in_govcloud": Assumption("Share a BYOL image in GovCloud", "OperationNotSupportedException", asked=False),
    "delete_unknown_image": Assumption("Delete an image that does not exist", "ResourceNotFoundException", asked=False),
}
