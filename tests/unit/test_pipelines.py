"""GitHub and GitLab accept the pipelines, which keep the reading role and the writing role apart."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.engine.install import MINIMUM, parse_version, pinned, show
from local.environment import ROOT

GITHUB = {path.stem: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
GITLAB = ROOT / "docs" / "pipelines" / "gitlab-ci.yml"
DRIFT_CHECK = 'pulumi preview --stack "$PULUMI_STACK" --non-interactive --expect-no-changes'


def load(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.BaseLoader)  # it does not read `on` as a boolean


def job(name: str) -> Any:
    """Return the first job of a workflow."""
    return next(iter(load(GITHUB[name])["jobs"].values()))


def step(name: str, action: str) -> Any:
    """Return the inputs of the one step that uses an action."""
    (inputs,) = [step.get("with", {}) for step in job(name)["steps"] if step.get("uses", "").startswith(action + "@")]
    return inputs


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["vendor.github-workflows", *GITHUB.values()], id="GitHub"),
        pytest.param(["custom.github-workflows-require-timeout", *GITHUB.values()], id="GitHub, with time limits"),
        pytest.param(["vendor.gitlab-ci", "--data-transform", "gitlab-ci", GITLAB], id="GitLab"),
        pytest.param(["vendor.github-issue-forms", *ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")], id="issue forms"),
    ],
)
def test_file_matches_its_published_schema(arguments: list[str | Path]) -> None:
    """check-jsonschema contains the schemas."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *arguments]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_this_repository_runs_its_own_checks() -> None:
    """It runs the fast ones for each change and all of them at night, with the wheel that users install."""
    ci = load(GITHUB["ci"])
    assert {name: job["steps"][-1] for name, job in ci["jobs"].items()} == {
        "test": {"run": ".ci/run"},
        "nightly": {"run": "make test-all"},
    }
    assert ci["on"]["schedule"] != []
    assert "schedule" in ci["jobs"]["nightly"]["if"]
    assert ci["env"] == {"WHEEL": "1"}


def test_supported_pythons_and_engines_are_tested() -> None:
    """ci.yml tests all versions of the classifiers and the README, and the oldest and newest for each change."""
    jobs = load(GITHUB["ci"])["jobs"]
    by_day, at_night = jobs["test"]["strategy"]["matrix"], jobs["nightly"]["strategy"]["matrix"]
    classifiers = re.findall(r'Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    assert sorted({*by_day["python"], *at_night["python"]}, key=parse_version) == classifiers
    assert by_day["python"] == [classifiers[0], classifiers[-1]]
    assert by_day["pulumi"] == [show(MINIMUM), "latest"]
    for version in (*classifiers, show(pinned("github.com/pulumi/pulumi/pkg/v3")), show(MINIMUM)):
        assert version in (ROOT / "README.md").read_text()


def test_commits_are_checked_like_make_lint() -> None:
    """All hooks are local, so `pre-commit install` downloads nothing."""
    configuration = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", configuration], check=True)
    (repository,) = load(configuration)["repos"]
    hooks = {hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude") for hook in repository["hooks"]}
    linted = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert linted
    assert hooks == set(re.findall(r"@\$\(BIN\)/(.*)", linted[1]))
    assert repository["repo"] == "local"


def test_drift_check_fails_when_the_preview_shows_changes() -> None:
    """tests/engine/test_examples.py runs the same command."""
    assert job("drift")["steps"][-1] == {"run": DRIFT_CHECK}
    assert load(GITLAB)["drift"]["script"] == [DRIFT_CHECK]
    assert load(GITHUB["drift"])["on"]["schedule"] != []


def test_preview_is_shown_as_a_comment() -> None:
    inputs = step("preview", "pulumi/actions")
    assert (inputs["command"], inputs["comment-on-pr"]) == ("preview", "true")


def test_only_up_can_write() -> None:
    """Only the job of the protected environment names the writing role."""
    for name, role in {"preview": "READ", "drift": "READ", "up": "WRITE"}.items():
        credentials = step(name, "aws-actions/configure-aws-credentials")
        assert credentials["role-to-assume"] == f"${{{{ vars.AWS_{role}_ROLE }}}}"
        assert load(GITLAB)[name]["variables"]["AWS_ROLE_ARN"] == f"$AWS_{role}_ROLE"
        for protected in (job(name), load(GITLAB)[name]):
            assert protected.get("environment") == ("production" if name == "up" else None)
    assert [name for name, path in GITHUB.items() if "WRITE_ROLE" in path.read_text()] == ["up"]


def test_updates_never_overlap_and_are_never_cancelled() -> None:
    groups = {name: load(path)["concurrency"] for name, path in GITHUB.items()}
    assert groups["up"] == {"group": "up", "cancel-in-progress": "false"}
    assert [name for name, group in groups.items() if group["group"] == "up"] == ["up"]
    assert (load(GITLAB)["up"]["resource_group"], load(GITLAB)["up"]["interruptible"]) == ("pulumi", "false")


@pytest.mark.parametrize("name", GITHUB)
def test_workflow_has_the_least_permissions(name: str) -> None:
    """Only the comment needs to write. No workflow runs a fork's program with the repository's permissions."""
    workflow = load(GITHUB[name])
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "pull_request_target" not in workflow["on"]
    rights = {right for right, grade in job(name).get("permissions", {}).items() if grade == "write"}
    wanted = {"ci": set[str](), "preview": {"id-token", "pull-requests"}}
    assert rights == wanted.get(name, {"id-token"})
    if name != "ci":
        assert "vars.PULUMI_STACK != ''" in job(name)["if"]  # this repository has no stack


@pytest.mark.parametrize("name", GITHUB)
def test_actions_are_pinned_by_commit(name: str) -> None:
    """A tag can be moved to other code. The comment says which version the commit is."""
    used = re.findall(r"uses: (.*)", GITHUB[name].read_text())
    assert used
    for action in used:
        assert re.match(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+(?:; .*)?$", action)


@pytest.mark.parametrize("name", ["preview", "up", "drift"])
def test_packages_are_installed_like_make_packages(name: str) -> None:
    install = "python3 local/packages.py"
    assert {"run": install} in job(name)["steps"]
    assert install in load(GITLAB)[".pulumi"]["before_script"]
    assert f"$(PYTHON) {install.split()[1]} " in (ROOT / "Makefile").read_text()


def test_forks_get_no_preview() -> None:
    assert "github.event.pull_request.head.repo.full_name == github.repository" in job("preview")["if"]
    (rule,) = load(GITLAB)["preview"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]


def test_page_names_all_settings() -> None:
    page = (ROOT / "docs" / "how-to" / "pipelines.md").read_text()
    used = {name for path in GITHUB.values() for name in re.findall(r"(?:vars|secrets)\.(\w+)", path.read_text())}
    used |= set(re.findall(r"\$(\w+)", GITLAB.read_text())) - {"AWS_ID_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
    assert {name for name in used if not name.startswith("CI_") and f"`{name}`" not in page} == set()


@pytest.mark.parametrize("name", [".pulumi", "preview", "up", "drift"])
def test_gitlab_job_is_valid_shell(name: str) -> None:
    settings = load(GITLAB)[name]
    for part in ("before_script", "script", "after_script"):
        subprocess.run(["bash", "-n", "-c", "\n".join(settings.get(part, []))], check=True)
