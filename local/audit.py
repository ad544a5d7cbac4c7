"""`make audit`: known vulnerabilities of what requirements.lock pins, and what nobody could be asked about.

A vulnerability service that cannot be reached, or does not know a package, is no good news: it is said, and counts.

Exit code: 0, all that the lock pins was audited, and nothing is known against it; 1, a vulnerability is known; 2, none
is known, but something could not be audited.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.environment import ROOT
from pulumi_workspaces_images.errors import printable

LOCK = ROOT / "requirements.lock"

# In this order; the second one is asked if the first one leaves something open.
SERVICES = {"pypi": "PyPI (pypi.org)", "osv": "OSV (api.osv.dev)"}

# Seconds for a service: one that does not answer must not hang the pipeline.
_PATIENCE = 300.0

_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=\S+")

_NOT_COVERED = (
    "not covered: the Go modules of the Pulumi engine (local/engine/go.sum), for which there is govulncheck, and what "
    "is installed outside of requirements.lock"
)

Pin = tuple[str, str]
"""A package and its version."""


@dataclass
class Audit:
    """What is known so far.

    Attributes:
        audited: the pins that a service knew.
        vulnerable: one line for each known vulnerability.
        failures: the services that did not answer, and why.
    """

    audited: set[Pin] = field(default_factory=set)
    vulnerable: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def ask(self, service: str, requirements: str) -> None:
        """Ask a service about pins with hashes; nothing is resolved or installed."""
        command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
        command += ["--vulnerability-service", service, "--format", "json", "--desc", "off", "--aliases", "on"]
        failure = None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "requirements.txt")
            file.write_text(requirements, encoding="utf-8")
            try:
                ended = subprocess.run(
                    [*command, "--requirement", str(file)], capture_output=True, text=True, timeout=_PATIENCE
                )
                for package in json.loads(ended.stdout)["dependencies"]:
                    self._note(package)
            except subprocess.TimeoutExpired:
                failure = f"{SERVICES[service]} has not answered within {_PATIENCE:.0f} s"
            except (ValueError, KeyError, TypeError):
                failure = f"{SERVICES[service]}: {_last_line(ended.stderr)}"
        if failure and failure not in self.failures:
            self.failures.append(failure)

    def _note(self, package: dict[str, Any]) -> None:
        if "skip_reason" in package:
            return
        name, version = package["name"], package["version"]
        self.audited.add((_canonical(name), version))
        for known in package["vulns"]:
            aliases = ", ".join(known.get("aliases", []))
            fixed = f"fixed in {', '.join(known['fix_versions'])}" if known["fix_versions"] else "no fix is known"
            self.vulnerable.add(f"{name} {version}: {known['id']}{f' ({aliases})' if aliases else ''}, {fixed}")


def pinned(lock: str) -> dict[Pin, str]:
    """Return what a lock file pins, for every platform and Python, each with its line of hashes."""
    lines = lock.replace("\\\n", " ").splitlines()
    found = [(pin, line) for line in lines if (pin := _PIN.match(line))]
    return {(_canonical(pin[1]), pin[2]): f"{pin[1]}=={pin[2]} {' '.join(_HASH.findall(line))}" for pin, line in found}


def rounds(pins: dict[Pin, str]) -> list[str]:
    """Return requirements with one version of each package, as pip-audit takes no more, and without markers."""
    found: list[dict[str, str]] = []
    for (name, _), line in pins.items():
        free = [requirements for requirements in found if name not in requirements]
        if not free:
            found.append({})
        (free or found[-1:])[0][name] = line
    return ["\n".join(requirements.values()) for requirements in found]


def main() -> int:
    """Audit, and print what was found and what was not."""
    pins = pinned(LOCK.read_text(encoding="utf-8"))
    audit = Audit()
    for service in SERVICES:
        for requirements in rounds(pins):
            audit.ask(service, requirements)
        if pins.keys() <= audit.audited:
            break
    missing = [f"{name} {version}" for name, version in sorted(pins.keys() - audit.audited)]
    for line in sorted(audit.vulnerable):
        print(f"vulnerable: {printable(line)}")
    print(f"audited: {len(pins) - len(missing)} of {len(pins)} pins of {LOCK.name}")
    if missing:
        what = f"could not be audited: {', '.join(missing)}" if audit.audited else "nothing could be audited"
        print(f"{what} ({printable('; '.join(audit.failures) or 'no service knows of it')})")
    print(_NOT_COVERED)
    if audit.vulnerable:
        return 1
    return 2 if missing else 0


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "pip-audit said nothing"


if __name__ == "__main__":
    sys.exit(main())
