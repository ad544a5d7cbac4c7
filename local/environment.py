"""The environment in which `pulumi` works without an account, without AWS and without the user's own set-up."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from local.engine import install

ROOT = Path(__file__).resolve().parent.parent

_NO_PROXY = ("no_proxy", "NO_PROXY")


def engine_environment(backend: Path | None = None) -> dict[str, str]:
    """Return the variables with which `pulumi` runs, in a subprocess or typed by hand.

    Args:
        backend: The folder for the state of the stacks and everything else that Pulumi keeps. It is created if it does
            not exist. The default is a folder in the checkout.

    Returns:
        The variables to add to the current ones.

    Raises:
        EngineError: There is no engine and none can be installed. The message is one line that says what to install.
    """
    state = (backend or ROOT / ".pulumi-state").absolute()
    (state / "home").mkdir(parents=True, exist_ok=True)
    # The virtual environment comes first: the language host and the providers run with the `python3` on PATH.
    first = [str(Path(sys.prefix, "bin")), *map(str, install.folders())]
    rest = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder not in first]
    return {
        "PATH": os.pathsep.join([*first, *rest]),
        "VIRTUAL_ENV": sys.prefix,
        "PULUMI_BACKEND_URL": state.as_uri(),
        # Keeps the selected stacks, plugins and logs of this environment apart from those in the user's home.
        "PULUMI_HOME": str(state / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        # Pulumi's processes connect to each other on this machine, so without a proxy.
        **{name: ",".join(filter(None, [os.environ.get(name), "localhost,127.0.0.1"])) for name in _NO_PROXY},
        # The official language host asks for the plugin of every installed Pulumi package, including pulumi-aws.
        # Nothing here needs a plugin, and where it cannot be downloaded each command loses seconds with attempts.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def main() -> None:
    """Print the variables for a shell: `eval "$(make -s env)"`."""
    try:
        variables = engine_environment()
    except install.EngineError as error:
        sys.exit(f"error: {error}")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
