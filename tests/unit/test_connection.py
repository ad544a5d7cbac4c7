"""How each key of the stack configuration changes clients and requests."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError

import pytest

from pulumi_workspaces_images.aws import session as credentials
from pulumi_workspaces_images.errors import ConfigurationError
from tests.unit.connections import REGION, Aws, config_of, connect, request_of

pytestmark = pytest.mark.usefixtures("home")


def test_one_client_per_service_and_region(keys: None) -> None:
    """Four threads share a client. Another Region or service has its own."""
    connection = connect()
    barrier = threading.Barrier(4)

    def client(_: int) -> object:
        barrier.wait()
        return connection.client("workspaces", REGION)

    with ThreadPoolExecutor(4) as pool:
        clients = list(pool.map(client, range(4)))
    assert len({id(c) for c in clients}) == 1
    assert connection.client("workspaces", "us-east-1") is not clients[0]
    assert connection.client("organizations", REGION) is not clients[0]


def test_limits_of_a_client(keys: None) -> None:
    """It makes 25 attempts with adaptive retries, like pulumi-aws, and has timeouts and a connection per thread."""
    config = config_of(connect().client("workspaces", REGION))
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 25}
    assert (config.connect_timeout, config.read_timeout) == (10, 30)
    assert config.max_pool_connections >= 10
    assert config.tcp_keepalive is True


def test_bad_region_name(keys: None) -> None:
    """A name that no Region can have is refused, even with `skipRegionValidation`."""
    with pytest.raises(ConfigurationError, match=r"^connecting to workspaces in evil.example/#: "):
        connect(skipRegionValidation="true").client("workspaces", "evil.example/#")


def test_user_agent(keys: None) -> None:
    """It names the package and the Pulumi project. Characters that a header cannot contain are replaced."""
    agent = request_of(connect("my ünique/project\n")).headers["User-Agent"]
    assert " pulumi-workspaces-images/" in agent
    assert agent.endswith(" pulumi-project/my--nique-project-")
    agent = request_of(connect(userAgents='["ci/1.0 (build 5)","evil\\r\\nX: y"]')).headers["User-Agent"]
    assert agent.endswith(" ci/1.0 (build 5) evil--X- y")
    assert "pulumi-project" not in agent


def test_user_agent_without_metadata(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names no version if the package runs from a source tree."""

    def absent(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(credentials, "version", absent)
    assert request_of(connect("p")).headers["User-Agent"].endswith(" pulumi-workspaces-images pulumi-project/p")


def test_endpoints(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """aws:endpoints takes precedence over the environment, whose endpoint still applies to other services."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://from-environment")
    connection = connect(endpoints='[{"workspaces":"http://w:1"},{"organizations":"http://o:2"}]')
    assert request_of(connection).url == "http://w:1/"
    assert request_of(connection, "organizations").url == "http://o:2/"
    assert request_of(connection, "sts").url == "http://from-environment/"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_WORKSPACES", "http://mine")
    assert request_of(connect()).url == "http://mine/"


def test_bad_endpoint_in_the_environment(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error in one line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(ConfigurationError, match=r"Invalid endpoint: nonsense"):
        connect().client("workspaces", REGION)


def test_sts_region(keys: None) -> None:
    """aws:stsRegion applies to STS only. Without it, STS is asked in the Region too."""
    assert request_of(connect(), "sts").url == f"https://sts.{REGION}.amazonaws.com/"
    connection = connect(stsRegion="us-west-2")
    assert request_of(connection, "sts").url == "https://sts.us-west-2.amazonaws.com/"
    assert request_of(connection).url == f"https://workspaces.{REGION}.amazonaws.com/"


def test_fips_and_dualstack(keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two keys select the endpoint, and take precedence over the environment."""
    fips = request_of(connect(useFipsEndpoint="true"), region="us-east-1").url
    assert fips.startswith("https://workspaces-fips.us-east-1.")
    assert request_of(connect(useDualstackEndpoint="true")).url == f"https://workspaces.{REGION}.api.aws/"
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    assert "fips" in request_of(connect()).url
    plain = request_of(connect(useFipsEndpoint="false", useDualstackEndpoint="false"))
    assert plain.url == f"https://workspaces.{REGION}.amazonaws.com/"


def test_environment_of_the_process_is_not_changed(aws: Aws, keys: None) -> None:
    """Other libraries in the process would see the keys."""
    before = dict(os.environ)
    request_of(connect(profile=None, region=REGION, skipMetadataApiCheck="true", insecure="true", maxRetries="2"))
    assert dict(os.environ) == before
