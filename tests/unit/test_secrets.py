"""A secret account, image or Region is not shown in any message, and is encrypted in inputs and outputs."""

import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from local.cloud import LocalCloud
from pulumi_workspaces_images import ImageShare, ImageShares, ImageSharesExclusive
from pulumi_workspaces_images.exclusive_provider import ImageSharesExclusiveProvider
from pulumi_workspaces_images.provider import ImageShareProvider
from pulumi_workspaces_images.secrets import SECRET, Secrets
from pulumi_workspaces_images.share import Share
from tests.driver import Driver, DriverError, DriverInThisProcess, Engine, EngineInThisProcess
from tests.unit import test_stack_program as stack
from tests.unit.helpers import IMAGE, LEGAL, OWNER, REGION, SALES, UNLISTED, outputs
from tests.unit.programs import EXCLUSIVE, SHARE, run

NAMES = ["image_id", "shared_account_id", "region"]


def secret(value: Any) -> Any:
    return pulumi.Output.secret(value)


# In messages.


def test_secrets_are_hidden_however_a_message_quotes_them() -> None:
    secrets = Secrets()
    for value in (SALES, [LEGAL, "it's"], {"a": "a\tb"}, 123456, None, True, "ab", 7):
        secrets.add(value)
    assert secrets.hide(f"{IMAGE}/{SALES}, {LEGAL}") == f"{IMAGE}/{SECRET}, {SECRET}"
    assert secrets.hide(r"""it is "it's" or 'a\tb' or 123456""") == f"it is {SECRET} or {SECRET} or {SECRET}"
    assert secrets.hide("None or True, of 17: ab; it is 'ab'") == f"None or True, of 17: ab; it is {SECRET}"


def test_longest_secret_is_hidden_first() -> None:
    """Otherwise the rest of it would be shown."""
    secrets = Secrets()
    secrets.add("eu-west-1")
    secrets.add("eu-west-10")
    assert secrets.hide("in eu-west-10") == f"in {SECRET}"


# In messages of the provider.


@pytest.fixture
def engine(cloud: LocalCloud) -> Iterator[Engine]:
    with EngineInThisProcess(cloud.credentials(OWNER)) as engine:
        yield engine


@pytest.fixture
def driver(cloud: LocalCloud, engine: EngineInThisProcess) -> Iterator[Driver]:
    configuration = {
        "aws:region": REGION,
        "aws:endpoints": cloud.endpoints,
        "aws:maxRetries": "1",
        "workspaces-images:allowedAccountIds": f'["{SALES}"]',
    }
    with DriverInThisProcess(engine, configuration) as driver:
        yield driver


def news(share: Share, *names: str) -> dict[str, object]:
    return {**share._asdict(), "_secret": list(names)}


def test_refused_secret_is_not_shown(driver: Driver, share: Share) -> None:
    """The failure names no property, because the engine would print its value."""
    inputs, failures = driver.check(ImageShareProvider, {}, news(share._replace(shared_account_id=LEGAL), *NAMES))
    assert inputs == share._replace(shared_account_id=LEGAL)._asdict()
    ((name, reason),) = failures
    assert name == ""
    assert reason.startswith(f"shared_account_id: account {SECRET} is not in")


def test_malformed_secrets_are_not_shown(driver: Driver) -> None:
    """All are reported together. Values that are not secret are shown."""
    given = {"image_id": "password", "shared_account_id": 5432, "region": "atlantis"}
    failures = driver.check(ImageShareProvider, {}, {**given, "_secret": ["image_id", "shared_account_id"]})[1]
    assert [name for name, _ in failures] == ["", "", "region"]
    said = " ".join(reason for _, reason in failures)
    assert "image_id: must be wsi- followed by 9" in said
    assert f"it is {SECRET}, a number" in said
    assert "'atlantis' is not a Region" in said
    assert "password" not in said


def test_secret_list(driver: Driver, image: str) -> None:
    given = {"image_id": image, "shared_account_ids": [SALES, "pass-word"], "report_only": False, "region": REGION}
    failures = driver.check(ImageSharesExclusiveProvider, {}, {**given, "_secret": ["shared_account_ids"]})[1]
    ((name, reason),) = failures
    assert name == ""
    assert reason.startswith("shared_account_ids[1]: must be a string of 12 digits")
    assert reason.endswith(f"it is {SECRET}")


def test_drift_and_failure_of_a_secret_share(cloud: LocalCloud, engine: Engine, driver: Driver, share: Share) -> None:
    """Messages after the check hide the secret account and Region, and show the image, which is not secret."""
    assert driver.check(ImageShareProvider, {}, news(share, "shared_account_id", "region"))[1] == []
    driver.diff(ImageShareProvider, share.id, outputs(share), share._asdict())
    cloud.deny("workspaces:*")
    for operation in (driver.create, lambda *call: driver.delete(call[0], share.id, outputs(share))):
        with pytest.raises(DriverError) as caught:
            operation(ImageShareProvider, share._asdict())
        engine.messages.append(("error", str(caught.value)))
    assert len(engine.messages) == 3
    for _, message in engine.messages:
        assert share.image_id in message
        assert SECRET in message
        assert SALES not in message
        assert REGION not in message


def test_account_that_leaves_a_secret_list(cloud: LocalCloud, engine: Engine, driver: Driver, image: str) -> None:
    """No message and no output shows it. An unlisted account, which is not secret, is named."""
    for account in (SALES, UNLISTED):
        cloud.share(image, account)
    known = {"image_id": image, "report_only": False, "region": REGION}
    olds, given = {**known, "shared_account_ids": [SALES]}, {**known, "shared_account_ids": []}
    hidden = {"_secret": ["shared_account_ids"], "_preview": True}
    assert driver.check(ImageSharesExclusiveProvider, olds, {**given, **hidden})[1] == []
    olds |= {"owner_account_id": OWNER, "revoked_account_ids": []}
    revoked = driver.update(ImageSharesExclusiveProvider, image, olds, given)["revoked_account_ids"]
    assert revoked == [SECRET, UNLISTED]
    assert cloud.shared_with(image) == set()
    said = " ".join(message for _, message in engine.messages)
    assert f"is shared with {SECRET}, {UNLISTED}" in said
    assert f"was unshared from {SECRET}" in said
    assert SALES not in said


# In the program.


def hidden(kind: str, program: Callable[[], object]) -> list[object]:
    """Return the names of the secret arguments that each resource of a kind sends to the provider."""
    return [seen.inputs.get("_secret") for seen in run(program)[0].of(kind).values()]


def test_program_sends_the_provider_the_names_of_the_secret_arguments() -> None:
    plain = pulumi.Output.from_input(SALES)
    assert hidden(SHARE, lambda: ImageShare("a", secret(IMAGE), secret(SALES), secret(REGION))) == [NAMES]
    assert hidden(SHARE, lambda: ImageShare("a", IMAGE, secret(SALES), REGION)) == [["shared_account_id"]]
    assert hidden(SHARE, lambda: ImageShare("a", IMAGE, plain)) == [None]
    assert hidden(SHARE, lambda: ImageShare("a", IMAGE, SALES)) == [None]
    assert hidden(EXCLUSIVE, lambda: ImageSharesExclusive("a", IMAGE, [LEGAL, secret(SALES)])) == [
        ["shared_account_ids"]
    ]


@pytest.mark.parametrize("make", [secret, pulumi.Output.from_input], ids=["secret", "not secret"])
@pytest.mark.parametrize("order", [1, -1])
def test_contradiction_of_a_secret_account(make: Any, order: int) -> None:
    """The message hides the account if it is secret, in any order of the two declarations."""
    declare: list[Callable[[], pulumi.Resource]] = [
        lambda: ImageShare("a", IMAGE, make(SALES)),
        lambda: ImageSharesExclusive("b", IMAGE, [LEGAL]),
    ]

    def program() -> pulumi.Output[Any]:
        return pulumi.Output.all(*[each().urn for each in declare[::order]])

    with pytest.raises(pulumi.RunError, match="ImageShare shares image") as caught:
        run(program)
    assert (SALES in str(caught.value)) == (make is not secret)
    assert (SECRET in str(caught.value)) == (make is secret)


def test_two_lists_that_differ_in_a_secret() -> None:
    def program() -> pulumi.Output[Any]:
        first = ImageSharesExclusive("a", IMAGE, [SALES])
        return pulumi.Output.all(first.urn, ImageSharesExclusive("b", IMAGE, [SALES, secret(LEGAL)]).urn)

    with pytest.raises(pulumi.RunError, match=r"list different accounts, \[secret\] not in both"):
        run(program)


def test_secret_account_under_two_labels() -> None:
    def program() -> pulumi.Output[Any]:
        return ImageShares("golden", IMAGE, {"sales": secret(SALES), "vertrieb": SALES}).urn

    with pytest.raises(pulumi.RunError, match=rf"account ({SALES}|\[secret\]) appears under two labels") as caught:
        run(program)
    assert SALES not in str(caught.value)


def test_ids_in_the_outputs_of_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    """The id of a share with a secret account is secret, because it contains the account."""
    registered: list[Any] = []
    monkeypatch.setattr(ImageShares, "register_outputs", lambda _, outputs: registered.append(outputs["shares"]))
    told: list[bool] = []

    def program() -> pulumi.Output[Any]:
        ImageShares("golden", IMAGE, {"sales": secret(SALES), "legal": pulumi.Output.from_input(LEGAL), "hr": UNLISTED})

        async def tell() -> None:
            told.extend([await each.is_secret() for each in registered[0].values()])

        return pulumi.Output.from_input(tell())

    run(program)
    assert told == [True, False, False]


# The stack program.


def exported(
    monkeypatch: pytest.MonkeyPatch, shares: object, groups: object = None, secret_key: str = stack.KEY
) -> tuple[stack.Organization, object]:
    """Run the stack program with a secret key; return the engine, and the stack output `shares`."""
    exports: dict[str, object] = {}
    engine = stack.Organization()
    monkeypatch.setattr(pulumi, "export", exports.__setitem__)
    monkeypatch.setattr(pulumi.runtime, "is_config_secret", lambda key: key == secret_key)
    contextvars.copy_context().run(lambda: stack.run(engine, shares, accountGroups=groups))
    return engine, exports["shares"]


@pytest.mark.parametrize("accounts", [{"sales": SALES}, [SALES]], ids=["mapping", "list"])
def test_secret_in_the_configuration_makes_all_values_of_its_key_secret(
    monkeypatch: pytest.MonkeyPatch, accounts: object
) -> None:
    """Pulumi does not say which value is secret."""
    golden = {"imageId": IMAGE, "accounts": accounts, "exclusive": True}
    engine, output = exported(monkeypatch, {"golden": golden})
    for kind, names in (("ImageShare", NAMES), ("ImageSharesExclusive", ["image_id", "shared_account_ids", "region"])):
        (inputs,) = engine.registered(kind).values()
        assert inputs["_secret"] == names
    assert isinstance(output, pulumi.Output)


@pytest.mark.parametrize("secret_key", [stack.KEY, stack.GROUPS])
def test_secret_in_shares_or_groups_makes_the_values_of_both_secret(
    monkeypatch: pytest.MonkeyPatch, secret_key: str
) -> None:
    """Otherwise the image of a secret account, or the account of a secret image, would be in clear."""
    shares = {"golden": {"imageId": IMAGE, "groups": ["emea"]}}
    engine, output = exported(monkeypatch, shares, {"emea": {"sales": SALES}}, secret_key)
    (inputs,) = engine.registered("ImageShare").values()
    assert inputs["_secret"] == NAMES
    assert isinstance(output, pulumi.Output)


def test_refused_secret_of_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not shown even if it is so long that a message would shorten it."""
    shares = {"golden": {"imageId": IMAGE, "groups": ["emea"]}}
    with pytest.raises(pulumi.RunError, match=rf"^{stack.GROUPS}\.emea\.sales must be") as caught:
        exported(monkeypatch, shares, {"emea": {"sales": "password" * 50}}, stack.GROUPS)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    "golden",
    [
        {"imageId": IMAGE, "accounts": {"sales": "password"}},
        {"imageId": IMAGE, "accounts": ["password"]},
        {"imageId": IMAGE, "organizationalUnitId": "password"},
        {"imageName": "password", "accounts": []},
        {"imageId": "password", "accounts": []},
        {"imageId": IMAGE, "accounts": [], "region": "password"},
    ],
)
def test_refused_secret_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, looked_for: object, golden: dict[str, object]
) -> None:
    with pytest.raises(pulumi.RunError, match=rf"^{stack.KEY}\.golden\.") as caught:
        exported(monkeypatch, {"golden": golden})
    assert "password" not in str(caught.value)


looked_for = stack.looked_for
