"""The stack configuration as typed values, and what a wrong one is told."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from pulumi_workspaces_images import configuration
from pulumi_workspaces_images.configuration import (
    AwsConfiguration,
    Recheck,
    an_object,
    choice,
    flag,
    objects,
    read_aws,
    read_recheck,
    text,
    texts,
    whole_number,
)
from pulumi_workspaces_images.errors import ConfigurationError

SECRET = "hunter2hunter2"
ROLE = "arn:aws:iam::111111111111:role/golden"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def aws(**keys: object) -> AwsConfiguration:
    return read_aws({f"aws:{key}": value for key, value in keys.items()})


def refusal(**keys: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        aws(**keys)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_text() -> None:
    """A text is taken as it is; empty and missing are not set."""
    assert text({"k": "a b"}, "k", "") == "a b"
    assert text({"k": ""}, "k", "") is None
    assert text({}, "k", "") is None
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a text$"):
        text({"k": 5}, "k", "aws:")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("true", True),
        ("false", False),
        ("True", True),
        (True, True),
        (False, False),
        ("", None),
        (None, None),
    ],
)
def test_flag(value: object, read: bool | None) -> None:
    """A boolean is the text `true` or `false`, or a boolean."""
    assert flag({"k": value}, "k", "") is read


@pytest.mark.parametrize("value", ["yes", "1", 1, 0, [], {}, "tru"])
def test_flag_refuses(value: object) -> None:
    """Anything else is refused by the key's name."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be true or false$"):
        flag({"k": value}, "k", "aws:")


@pytest.mark.parametrize(("value", "read"), [("5", 5), (5, 5), (5.0, 5), ("0", 0), ("", None), (None, None)])
def test_whole_number(value: object, read: int | None) -> None:
    """A whole number is its digits, or a number."""
    assert whole_number({"k": value}, "k", "") == read


@pytest.mark.parametrize("value", ["-1", "1.5", 1.5, -1, True, "five", "²", [1], float("inf"), float("nan")])
def test_whole_number_refuses(value: object) -> None:
    """Anything else is refused by the key's name."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a whole number, 0 or more$"):
        whole_number({"k": value}, "k", "aws:")


def test_lists_and_objects() -> None:
    """Lists and objects are JSON text, or already lists and objects."""
    assert texts({"k": '["a","b"]'}, "k", "") == ("a", "b")
    assert texts({"k": ["a"]}, "k", "") == ("a",)
    assert texts({"k": "[]"}, "k", "") is None
    assert objects({"k": '[{"a":1}]'}, "k", "") == ({"a": 1},)
    assert objects({"k": ({"a": 1},)}, "k", "") == ({"a": 1},)
    assert an_object({"k": '{"a":1}'}, "k", "") == {"a": 1}
    assert an_object({}, "k", "") is None


@pytest.mark.parametrize("value", ["a", "[1]", '{"a":"b"}', "5", 5, ["a", 1], [""], "[nonsense"])
def test_texts_refuses(value: object) -> None:
    """What is no list of texts is refused by the key's name."""
    with pytest.raises(ConfigurationError, match=r"^aws:k must be a list of texts \(as JSON\)$"):
        texts({"k": value}, "k", "aws:")


def test_choice() -> None:
    """One of some texts; the message lists them."""
    assert choice(["a", "b"])({"k": "b"}, "k", "") == "b"
    with pytest.raises(ConfigurationError, match=r"^k must be a, b or c$"):
        choice(["a", "b", "c"])({"k": "d"}, "k", "")


@pytest.mark.parametrize(
    ("said", "recheck"),
    [
        (None, Recheck.STRICT),
        ("", Recheck.STRICT),
        ("strict", Recheck.STRICT),
        ("warn", Recheck.WARN),
        ("off", Recheck.OFF),
    ],
)
def test_recheck(said: str | None, recheck: Recheck) -> None:
    """`workspaces-images:recheck` is strict, warn or off; strict where it is not set."""
    assert read_recheck({} if said is None else {"workspaces-images:recheck": said}) is recheck


@pytest.mark.parametrize("said", ["OFF", "no", "true", True, 0])
def test_recheck_refuses(said: object) -> None:
    """Anything else is refused, with what it may be."""
    with pytest.raises(ConfigurationError, match=r"^workspaces-images:recheck must be strict, warn or off$"):
        read_recheck({"workspaces-images:recheck": said})


@pytest.mark.parametrize("key", ["rechek", "reCheck", "re-check", "rechecks"])
def test_recheck_misspelt(key: str) -> None:
    """A misspelt key is refused: it would leave the default in force, unnoticed."""
    with pytest.raises(
        ConfigurationError, match=rf"^workspaces-images:{key} is .*did you mean workspaces-images:recheck"
    ):
        read_recheck({f"workspaces-images:{key}": "off"})


def test_recheck_leaves_other_keys_alone() -> None:
    """The namespace is also the stack program's own: its other keys are none of the provider's business."""
    keys = {"workspaces-images:shares": "{}", "workspaces-images:owner": "x", "other:rechek": "off"}
    assert read_recheck(keys) is Recheck.STRICT


def test_every_key_of_pulumi_aws_is_decided() -> None:
    """Each key that pulumi-aws knows is honoured, without concern here, or refused: nothing is forgotten."""
    spec = importlib.util.find_spec("pulumi_aws")
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "config" / "vars.py").read_text(encoding="utf-8")
    known = set(re.findall(r"__config__\.get(?:_\w+)?\('(\w+)'\)", source))
    assert len(known) > 30
    of_the_engine = {"pluginDownloadURL", "version"}
    decided = configuration._HONOURED | configuration._WITHOUT_CONCERN | set(configuration._REFUSED)
    assert known == decided - of_the_engine


def test_nothing_set() -> None:
    """Without `aws:` keys nothing is set; other namespaces are not looked at."""
    nothing = read_aws({"project:region": "us-east-1", "awsx:region": "x"})
    assert set(vars(nothing).values()) == {None}


def test_simple_keys() -> None:
    """Texts, numbers and booleans arrive under their names."""
    read = aws(
        region="eu-west-1",
        profile="p",
        stsRegion="us-east-1",
        retryMode="standard",
        maxRetries="3",
        insecure="true",
    )
    assert (read.region, read.profile, read.sts_region) == ("eu-west-1", "p", "us-east-1")
    assert (read.retry_mode, read.max_retries, read.insecure) == ("standard", 3, True)


def test_max_retries_zero() -> None:
    """0 is the default, as in pulumi-aws."""
    assert aws(maxRetries="0").max_retries is None


def test_keys_without_concern() -> None:
    """Keys about tags, S3 and the plugin are none of this provider's business, whatever they say."""
    keys = {
        "defaultTags": '{"tags":{"a":"b"}}',
        "ignoreTags": "{",
        "s3UsePathStyle": "true",
        "version": "7.1.0",
    }
    assert set(vars(aws(**keys)).values()) == {None}


def test_singular_assume_role() -> None:
    """The old singular key is refused in pulumi-aws's own words."""
    assert refusal(assumeRole="{}") == "invalid config key 'aws:assumeRole', should be 'aws:assumeRoles'"


def test_key_that_cannot_be_honoured() -> None:
    """A key that pulumi-aws knows and botocore cannot do is refused by its name."""
    assert "aws:tokenBucketRateLimiterCapacity cannot be honoured" in refusal(tokenBucketRateLimiterCapacity="5")


@pytest.mark.parametrize(("key", "hint"), [("profil", "aws:profile"), ("sharedConfigFile", "aws:sharedConfigFiles")])
def test_misspelt_key(key: str, hint: str) -> None:
    """A key unknown to pulumi-aws is refused, as it is there, and the near one is named."""
    assert refusal(**{key: "x"}) == f"aws:{key} is not a configuration key of the aws provider; did you mean {hint}?"


def test_foreign_key() -> None:
    """A key that is like none of pulumi-aws's belongs in another namespace."""
    assert "use another namespace" in refusal(zzz="x")


def test_every_problem_is_reported_at_once() -> None:
    """All bad keys are in one message, each with its name."""
    message = refusal(insecure="perhaps", maxRetries="many", profil="x", endpoints="nowhere")
    assert message.count(";") >= 3
    for key in ("aws:insecure", "aws:maxRetries", "aws:profil", "aws:endpoints"):
        assert key in message


KEYS = sorted(configuration._HONOURED)


@pytest.mark.parametrize("key", KEYS)
def test_messages_name_the_key_and_keep_the_value(key: str) -> None:
    """Whatever is wrong with a key, the message has its name, and never its value."""
    wrong: list[object] = [5.5, [[SECRET]], SECRET, [SECRET, SECRET], json.dumps([SECRET])]
    messages = [problem for value in wrong if (problem := problem_of(key, value))]
    assert messages
    assert all(f"aws:{key}" in message and SECRET not in message for message in messages)


def problem_of(key: str, value: object) -> str | None:
    try:
        aws(**{key: value})
    except ConfigurationError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "role",
    [
        {"roleArn": ROLE, "policy": SECRET},
        {"roleArn": ROLE, "policy": {"Statement": SECRET}, "duration": SECRET},
        {"roleArn": SECRET},
        {"roleArn": ROLE, "tags": {"a": [SECRET]}},
        {"roleArn": ROLE, "externalId": [SECRET]},
        {"roleArn": ROLE, "transitiveTagKeys": SECRET},
    ],
)
def test_messages_about_roles_keep_the_value(role: dict[str, object]) -> None:
    """The message names the sub-key in full, and never quotes a policy or an external id."""
    message = refusal(assumeRoles=json.dumps([{"roleArn": ROLE}, role]))
    assert message.startswith("aws:assumeRoles[1].")
    assert SECRET not in message


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"accessKey": "a"}, "aws:accessKey is set without aws:secretKey"),
        ({"secretKey": SECRET}, "aws:secretKey is set without aws:accessKey"),
        ({"token": SECRET}, "aws:token is set without aws:accessKey and aws:secretKey"),
        (
            {"allowedAccountIds": '["111111111111"]', "forbiddenAccountIds": '["222222222222"]'},
            "aws:allowedAccountIds and aws:forbiddenAccountIds contradict each other",
        ),
        (
            {"allowedAccountIds": '["111111111111"]', "skipRequestingAccountId": "true"},
            "aws:allowedAccountIds cannot be checked while aws:skipRequestingAccountId is true",
        ),
        (
            {"forbiddenAccountIds": '["111111111111"]', "skipRequestingAccountId": "true"},
            "aws:forbiddenAccountIds cannot be checked while aws:skipRequestingAccountId is true",
        ),
        (
            {
                "accessKey": "a",
                "secretKey": SECRET,
                "assumeRoleWithWebIdentity": {"roleArn": ROLE, "webIdentityToken": SECRET},
            },
            "aws:assumeRoleWithWebIdentity and aws:accessKey contradict each other",
        ),
    ],
)
def test_contradictions(keys: dict[str, object], message: str) -> None:
    """Keys that cannot be honoured together are refused, both named."""
    assert refusal(**keys) == message


@pytest.mark.parametrize("value", ['["111111111111"]', "[111111111111]", ["111111111111"]])
def test_account_ids(value: object) -> None:
    """Account ids are texts, or the numbers that `pulumi config set --path` makes of them."""
    assert aws(allowedAccountIds=value).allowed_account_ids == ("111111111111",)


@pytest.mark.parametrize("value", ["111111111111", '["1111"]', "[11111111111]", '["1111-1111-1111"]', [None]])
def test_account_ids_refused(value: object) -> None:
    """A list whose ids are not 12 digits each is refused, whatever it lacks."""
    assert "aws:forbiddenAccountIds must be a list of account ids" in refusal(forbiddenAccountIds=value)


def test_endpoints_are_merged() -> None:
    """All elements count, the last word holds, and services that are never asked are left aside."""
    value = '[{"workspaces":"http://a:1"},{"sts":"https://b","s3":"nonsense"},{"workspaces":"http://c","sso":""}]'
    assert aws(endpoints=value).endpoints == {"workspaces": "http://c", "sts": "https://b"}


@pytest.mark.parametrize("url", ["localhost:5000", "ftp://host", "http://", "http://host:port", "http://[::1"])
def test_endpoint_refused(url: str) -> None:
    """An endpoint that is no URL is refused, with its place in the list."""
    assert refusal(endpoints=[{}, {"sts": url}]).startswith("aws:endpoints[1].sts must be a URL")


@pytest.mark.parametrize("url", ["http://user:hunter2@host", "https://user@host:1", "http://:hunter2@host"])
def test_endpoint_with_a_password_is_refused(url: str) -> None:
    """It would be printed with every failure to connect; the message does not quote it either."""
    said = refusal(endpoints=[{"workspaces": url}])
    assert said == "aws:endpoints[0].workspaces must be a URL without a user or password"


@pytest.mark.parametrize(
    ("service", "meant"),
    [("workspace", "workspaces"), ("Workspaces", "workspaces"), ("organisations", "organizations"), ("STS", None)],
)
def test_endpoint_of_a_misspelt_service(service: str, meant: str | None) -> None:
    """It would be left aside in silence, and AWS be asked instead of what was meant."""
    value = [{}, {service: "http://host"}]
    if meant:
        assert refusal(endpoints=value) == f"aws:endpoints[1].{service} is not a service; did you mean {meant}?"
    else:  # nothing like any name, as difflib has it
        assert aws(endpoints=value).endpoints is None


@pytest.mark.parametrize("service", ["workspacesweb", "s3", "ssm", "organizationsx" * 3])
def test_endpoint_of_another_service(service: str) -> None:
    """pulumi-aws has endpoints for all services: the others are none of our concern, nor are their values."""
    assert aws(endpoints=[{service: "nonsense"}, {"sts": "http://host"}]).endpoints == {"sts": "http://host"}


@pytest.mark.parametrize("key", ["httpProxy", "httpsProxy"])
def test_proxies(key: str) -> None:
    """A proxy may lack its scheme, and an empty one means none; a bad one is refused without its password."""
    field = {"httpProxy": "http_proxy", "httpsProxy": "https_proxy"}[key]
    assert getattr(aws(**{key: "proxy:3128"}), field) == "proxy:3128"
    assert getattr(aws(**{key: ""}), field) == ""
    message = refusal(**{key: f"http://user:{SECRET}@host:port"})
    assert message.startswith(f"aws:{key} must be the URL of a proxy")
    assert SECRET not in message


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are found under the home folder too, have to exist, and one of a kind can be honoured."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").touch()
    read = aws(
        sharedConfigFiles='["~/config"]',
        sharedCredentialsFiles=[str(tmp_path / "config")],
        customCaBundle="~/config",
    )
    assert read.shared_config_file == read.shared_credentials_file == read.custom_ca_bundle == str(tmp_path / "config")
    for key in ("sharedConfigFiles", "sharedCredentialsFiles"):
        assert refusal(**{key: ["~/absent"]}) == f"aws:{key} must name a file that exists"
        assert f"aws:{key} cannot be honoured with more than one file" in refusal(**{key: ["~/config", "~/config"]})
    assert refusal(customCaBundle="~/absent") == "aws:customCaBundle must name a file that exists"


def test_role_with_everything() -> None:
    """Every sub-key of a role becomes the argument of sts:AssumeRole that it stands for."""
    role = {
        "roleArn": ROLE,
        "sessionName": "me",
        "externalId": "x1",
        "duration": "1h30m",
        "policy": '{"Version":"2012-10-17"}',
        "policyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "sourceIdentity": "ci",
        "tags": {"team": "platform", "empty": ""},
        "transitiveTagKeys": ["team"],
    }
    assert aws(assumeRoles=json.dumps([role])).assume_roles == (
        {
            "RoleArn": ROLE,
            "RoleSessionName": "me",
            "DurationSeconds": 5400,
            "Policy": '{"Version":"2012-10-17"}',
            "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
            "ExternalId": "x1",
            "SourceIdentity": "ci",
            "Tags": [{"Key": "team", "Value": "platform"}, {"Key": "empty", "Value": ""}],
            "TransitiveTagKeys": ["team"],
        },
    )


def test_role_with_little() -> None:
    """A role needs its ARN only; the session then has the package's name, as STS wants one."""
    roles = aws(assumeRoles=[{"roleArn": ROLE}]).assume_roles
    assert roles == ({"RoleArn": ROLE, "RoleSessionName": "pulumi-workspaces-images"},)
    assert aws(assumeRoles="[]").assume_roles is None


def test_policy_as_object() -> None:
    """A policy may be an object as well; STS gets its JSON."""
    roles = aws(assumeRoles=[{"roleArn": ROLE, "policy": {"Version": "2012-10-17"}}]).assume_roles
    assert roles is not None
    assert roles[0]["Policy"] == '{"Version": "2012-10-17"}'


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("1h30m", 5400), ("15m", 900), ("3600s", 3600), ("1.5h", 5400), ("900000ms", 900), ("12h", 43200)],
)
def test_duration(duration: str, seconds: int) -> None:
    """Durations are in Go's notation, as pulumi-aws has them."""
    roles = aws(assumeRoles=[{"roleArn": ROLE, "duration": duration}]).assume_roles
    assert roles is not None
    assert roles[0]["DurationSeconds"] == seconds


@pytest.mark.parametrize("duration", ["3600", "1h 30m", "13h", "14m", "-1h", "1d", "h", "1hour"])
def test_duration_refused(duration: str) -> None:
    """What is no duration, or not what STS grants, is refused by its name."""
    message = refusal(assumeRoles=[{"roleArn": ROLE, "duration": duration}])
    assert message == "aws:assumeRoles[0].duration must be a duration from 15m to 12h, e.g. 1h30m"


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"roleArn": ROLE}, "aws:assumeRoles must be a list of objects (as JSON)"),
        ([{}], "aws:assumeRoles[0].roleArn must be the ARN of an IAM role"),
        ([{"roleArn": ROLE, "sessionName": "s"}], "aws:assumeRoles[0].sessionName must match "),
        ([{"roleArn": ROLE, "externalId": "a b"}], "aws:assumeRoles[0].externalId must match "),
        ([{"roleArn": ROLE, "sourceIdentity": "ü-x"}], "aws:assumeRoles[0].sourceIdentity must match "),
        (
            [{"roleArn": ROLE, "policyArns": ["Admin"]}],
            "aws:assumeRoles[0].policyArns must be a list of the ARNs",
        ),
        ([{"roleArn": "golden"}], "aws:assumeRoles[0].roleArn must be the ARN of an IAM role"),
        (
            [{"roleArn": ROLE, "durationSeconds": 900}],
            "aws:assumeRoles[0].durationSeconds is not a key of a role",
        ),
    ],
)
def test_roles_refused(roles: object, message: str) -> None:
    """A role that STS could not be asked for, or a sub-key that nobody would honour, is refused by name."""
    assert refusal(assumeRoles=roles).startswith(message)


def test_web_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web identity has a role and a token or a file; the environment stands in for what is left open."""
    read = aws(assumeRoleWithWebIdentity={"roleArn": ROLE, "webIdentityToken": SECRET, "duration": "1h"})
    identity = read.assume_role_with_web_identity
    assert identity is not None
    assert identity.token == SECRET
    assert identity.token_file is None
    assert identity.request == {
        "RoleArn": ROLE,
        "RoleSessionName": "pulumi-workspaces-images",
        "DurationSeconds": 3600,
    }
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "ci")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    identity = aws(assumeRoleWithWebIdentity={"duration": "1h"}).assume_role_with_web_identity
    assert identity is not None
    assert identity.token_file == str(tmp_path / "token")
    assert identity.request["RoleArn"] == ROLE
    assert identity.request["RoleSessionName"] == "ci"
    # Without the key, the environment is botocore's business.
    assert aws().assume_role_with_web_identity is None


@pytest.mark.parametrize("tokens", [{}, {"webIdentityToken": SECRET, "webIdentityTokenFile": "/t"}])
def test_web_identity_refused(tokens: dict[str, str]) -> None:
    """There has to be one token."""
    message = refusal(assumeRoleWithWebIdentity={"roleArn": ROLE, **tokens})
    assert "aws:assumeRoleWithWebIdentity.webIdentityToken or webIdentityTokenFile must be set" in message
    assert SECRET not in message


def test_no_repr_has_a_secret() -> None:
    """What holds secrets does not show them when it is printed."""
    read = aws(accessKey="a", secretKey=SECRET, token=SECRET, httpProxy=f"http://u:{SECRET}@proxy")
    identity = aws(assumeRoleWithWebIdentity={"roleArn": ROLE, "webIdentityToken": SECRET})
    assert SECRET not in f"{read!r}{read}{identity!r}{identity.assume_role_with_web_identity!r}"
