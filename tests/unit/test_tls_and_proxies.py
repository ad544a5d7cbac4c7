"""Trusted certificates and proxies, as the stack configuration sets them."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest

from pulumi_workspaces_images.aws import session as credentials
from pulumi_workspaces_images.errors import Unanswered
from tests.unit.connections import REGION, ROLE, Aws, config_of, connect

pytestmark = pytest.mark.usefixtures("home")


# TLS.


@pytest.fixture
def tls(aws: Aws, tmp_path: Path) -> Path:
    """Give the fake AWS its own certificate, and return the certificate's file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "aws")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "aws.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    aws.server.socket = context.wrap_socket(aws.server.socket, server_side=True)
    aws.url = aws.url.replace("http:", "https:")
    return pem


def test_custom_ca_bundle(aws: Aws, tls: Path, keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate is trusted only if aws:customCaBundle or AWS_CA_BUNDLE contains its root."""
    configuration = {"endpoints": aws.endpoints, "region": REGION, "maxRetries": "1", "insecure": "false"}
    assert connect(**configuration, customCaBundle=str(tls)).caller() is not None
    with pytest.raises(Unanswered, match=r"SSL"):
        connect(**configuration).caller()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls))
    assert connect(**configuration).caller() is not None


def test_insecure(aws: Aws, tls: Path, keys: None) -> None:
    """With aws:insecure every certificate is accepted, also for assuming roles."""
    connection = connect(endpoints=aws.endpoints, region=REGION, insecure="true", assumeRoles=[{"roleArn": ROLE}])
    with pytest.warns(match=r"Unverified HTTPS request"):
        assert connection.caller() is not None


# Proxies.


def test_http_proxy(aws: Aws, keys: None) -> None:
    """Requests go through aws:httpProxy."""
    connection = connect(httpProxy=aws.url, endpoints='[{"sts":"http://sts.example.com"}]', region=REGION)
    assert connection.caller() is not None
    assert aws.paths == ["http://sts.example.com/"]


@pytest.mark.parametrize(
    ("configured", "environment", "proxies"),
    [
        ({}, {"HTTPS_PROXY": "http://e"}, None),
        ({"httpProxy": "http://a"}, {}, {"http": "http://a", "https": "http://a"}),
        ({"httpProxy": "http://a"}, {"HTTPS_PROXY": "http://e"}, {"http": "http://a", "https": "http://e"}),
        ({"httpProxy": "http://a", "httpsProxy": "http://b"}, {}, {"http": "http://a", "https": "http://b"}),
        ({"httpProxy": "http://a", "httpsProxy": ""}, {"HTTPS_PROXY": "http://e"}, {"http": "http://a"}),
        ({"httpsProxy": "http://b"}, {"http_proxy": "http://e"}, {"http": "http://e", "https": "http://b"}),
        ({"httpProxy": ""}, {"http_proxy": "http://e"}, {}),
        ({"noProxy": ".a.b"}, {"https_proxy": "http://e"}, {"https": "http://e", "no": ".a.b"}),
        ({"httpsProxy": "http://b"}, {"NO_PROXY": "a.b"}, {"https": "http://b", "no": "a.b"}),
    ],
)
def test_proxies(
    keys: None,
    monkeypatch: pytest.MonkeyPatch,
    configured: dict[str, str],
    environment: dict[str, str],
    proxies: dict[str, str] | None,
) -> None:
    """Each key takes precedence over its variable. HTTPS uses the HTTP proxy unless it has its own, or none."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert config_of(connect(**configured).client("workspaces", REGION)).proxies == proxies


def test_no_proxy(keys: None) -> None:
    """Hosts in aws:noProxy are reached directly, and all others through the proxy."""
    connection = connect(httpsProxy="http://b", noProxy="foo, .amazonaws.com.cn,sts.eu-west-1.amazonaws.com")
    assert config_of(connection.client("sts", REGION)).proxies == {}
    assert config_of(connection.client("workspaces", "cn-northwest-1")).proxies == {}
    through = config_of(connection.client("workspaces", REGION)).proxies
    assert through is not None
    assert through["https"] == "http://b"


@pytest.mark.parametrize(
    ("url", "no_proxy", "bypasses"),
    [
        ("https://a.example.com", "example.com", True),
        ("https://example.com", "example.com", True),
        ("https://notexample.com", "example.com", False),
        ("https://example.com", ".example.com", False),
        ("https://a.example.com", "x, *.EXAMPLE.com", True),
        ("https://a.example.com", "example.com:443", True),
        ("https://a.example.com", "example.com:8443", False),
        ("https://a.example.com", "*", True),
        ("https://a.example.com", "", False),
        ("https://a.example.com", " , ", False),
        ("http://10.1.2.3:8000", "10.0.0.0/8", True),
        ("http://10.1.2.3:8000", "10.1.2.3", True),
        ("http://11.1.2.3", "10.0.0.0/8", False),
        ("http://11.1.2.3", "example.com,11.1.2", False),
        ("http://[fd00::1]:80", "fd00::/8", True),
        ("http://localhost:4566", "", True),
        ("http://127.0.0.1:4566", "", True),
    ],
)
def test_no_proxy_rules(url: str, no_proxy: str, bypasses: bool) -> None:
    """A name matches its subdomains too, and a network its addresses. Loopback is always reached directly."""
    assert credentials._bypasses_proxy(url, no_proxy) is bypasses
