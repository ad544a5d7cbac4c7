"""`ImageShares`: one image shared with many accounts, optionally with no others."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pulumi
from pulumi import ComponentResource, Input, Output, ResourceOptions

from ..secrets import SECRET
from ..share import account_id_problem, as_account_id
from .explicit_provider import provider_of
from .found_images import FoundImage, id_and_region
from .image_share import SHARE_TYPE, ImageShare
from .image_shares_exclusive import ImageSharesExclusive
from .program import awaited, has_output, refusals, secret_names


class ImageShares(ComponentResource):
    """One WorkSpaces image shared with many accounts: a component with one `ImageShare` for each account.

    Adding, removing or relabelling an account affects only that account's share.

    Examples:
        >>> ImageShares("golden", image_id="wsi-0a1b2c3d4", accounts={"sales": "222222222222"}, exclusive=True)

    Attributes:
        shares: the shares by label.
        exclusive: the exclusive list; None if `exclusive` is False.
    """

    shares: dict[str, ImageShare]
    exclusive: ImageSharesExclusive | None

    def __init__(
        self,
        name: str,
        image_id: Input[str | FoundImage],
        accounts: Mapping[str, Input[str]] | Sequence[str],
        exclusive: bool | Literal["report", "fail"] = False,
        region: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the shares. Each is named `NAME-LABEL`, and the exclusive list `NAME-exclusive`.

        Args:
            name: the name of the component.
            image_id: the image to share, `wsi-` followed by 9 to 63 lower-case letters or digits; or a `FoundImage`.
            accounts: label -> AWS account (12 digits, may be an Output); or a list of accounts as plain strings, each
                its own label. Labels must be known at preview.
            exclusive: what happens to unlisted accounts, which have a share of the image but are not in `accounts`.
                True: the preview names them, and `pulumi up` revokes their shares. "report": they are only named.
                "fail": preview and `pulumi up` fail, and revoke nothing. Default: False, they are not checked.
            region: the image's Region. Default: that of a `FoundImage`, of the `Provider` or of `aws:region`, else the
                Region in the state, else that of the AWS environment.
            opts: Pulumi's resource options. Its children inherit some of them, such as `providers`.

        Raises:
            pulumi.RunError: `accounts` or `exclusive` is invalid, an account appears under two labels, the stack's
                configuration does not allow some accounts, or a `FoundImage` was found in another Region; one line.
        """
        region = awaited(region)
        if not isinstance(image_id, Output):  # each share checks the value of an Output itself
            image_id, region = id_and_region(f"ImageShares {name!r}", image_id, region)
        by_label = _by_label(name, accounts)
        if exclusive not in (True, False, "report", "fail"):
            raise pulumi.RunError(f"ImageShares {name!r}: exclusive must be True, False, 'report' or 'fail'")
        _refuse_doubles(name, by_label)
        provider = provider_of(opts, SHARE_TYPE)
        plain = [account for account in by_label.values() if isinstance(account, str)]
        problems = refusals(plain, region, provider)
        if problems:
            raise pulumi.RunError(f"ImageShares {name!r}: {'; '.join(problems)}")
        super().__init__("workspaces-images:index:ImageShares", name, {}, opts)
        child = ResourceOptions(parent=self)
        self.shares = {
            label: ImageShare(f"{name}-{label}", image_id, account, region, child)
            for label, account in by_label.items()
        }
        self.exclusive = None
        if exclusive:
            report_only: bool | Literal["fail"] = "fail" if exclusive == "fail" else exclusive == "report"
            self.exclusive = ImageSharesExclusive(
                f"{name}-exclusive", image_id, list(by_label.values()), report_only, region, child
            )
        ids = {label: _id(share, image_id, by_label[label]) for label, share in self.shares.items()}
        self.register_outputs({"shares": ids})


def _id(share: ImageShare, *parts: object) -> Output[str]:
    """Return the id of a share, as a secret if its image or account is secret, because the id contains both."""
    return Output.all(share.id, *parts).apply(lambda known: str(known[0])) if has_output(parts) else share.id


def _by_label(name: str, accounts: object) -> dict[str, Input[str]]:
    if isinstance(accounts, Output):
        raise pulumi.RunError(
            f"ImageShares {name!r}: accounts is an Output, so a preview cannot know its labels, and which resources "
            "there are; pass a mapping with known labels, whose accounts may be Outputs"
        )
    if isinstance(accounts, Mapping):
        for label in accounts:
            if not isinstance(label, str) or not label or not label.isprintable():
                raise pulumi.RunError(
                    f"ImageShares {name!r}: the label {label!a} must be a string of one or more printable characters"
                )
            if isinstance(accounts[label], (list, tuple, Mapping)):
                raise pulumi.RunError(
                    f"ImageShares {name!r}: the account of {label!r} must be a string of 12 digits; it is "
                    f"{_what(accounts[label])}"
                )
        by_label = {label: awaited(as_account_id(account)) for label, account in accounts.items()}
        for label, account in by_label.items():
            problem = None if isinstance(account, Output) else account_id_problem(account)
            if problem:  # the check of the exclusive list comes first, and knows no labels
                raise pulumi.RunError(f"ImageShares {name!r}: the account of {label!r} {problem}")
        return by_label
    if isinstance(accounts, (list, tuple)):
        accounts = list(map(as_account_id, accounts))
        for account in accounts:
            if isinstance(account, (int, float, str)) and not isinstance(account, bool) and account_id_problem(account):
                raise pulumi.RunError(f"ImageShares {name!r}: an account in the list {account_id_problem(account)}")
            if not isinstance(account, str):
                raise pulumi.RunError(
                    f"ImageShares {name!r}: the list of accounts contains {_what(account)}; a list takes only plain "
                    "strings of 12 digits, each its own label; use a mapping label -> account for anything else"
                )
            if accounts.count(account) > 1:
                raise pulumi.RunError(f"ImageShares {name!r}: account {account} appears twice in the list")
        return {account: account for account in accounts}
    raise pulumi.RunError(
        f"ImageShares {name!r}: accounts must be a mapping label -> account, or a list of accounts; it is "
        f"{_what(accounts)}"
    )


def _what(value: object) -> str:
    return "an Output" if isinstance(value, Output) else f"a value of type {type(value).__name__}"


def _refuse_doubles(name: str, accounts: dict[str, Input[str]]) -> None:
    """Refuse an account that appears under two labels: at once if both are known, else as soon as they are."""
    labels: dict[str, str] = {}

    def note(label: str, account: object, secret: object = None) -> None:
        account = as_account_id(account)
        if not isinstance(account, str):
            return  # the share's check says what is wrong
        first = labels.setdefault(account, label)
        if first != label:
            what = SECRET if secret else account
            raise pulumi.RunError(
                f"ImageShares {name!r}: account {what} appears under two labels, {first!r} and {label!r}; remove one"
            )

    for label, account in accounts.items():
        if isinstance(account, Output):
            Output.all(label, account, secret_names(account=account)).apply(lambda known: note(*known))
        elif isinstance(account, str):
            note(label, account)
