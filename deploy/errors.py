"""Everything that can go wrong in this room, as one small tree.

DeployError
├── MisuseError     the command line asks for something that makes no sense (exit 2)
├── StartError      a program of the local stack did not come up; carries the end of its log
├── AlreadyRunning  another `sales-pulse up` holds this folder
├── PastError       blocks of the past cannot be made
└── GenerateError   what is committed differs from what would be generated
"""


class DeployError(Exception):
    """A failure that a person can act on: its text is one clear line."""


class MisuseError(DeployError):
    """The command line is wrong; the text says what to write instead."""


class StartError(DeployError):
    """A program did not start or did not become ready; the text names it and its log."""


class AlreadyRunning(DeployError):  # noqa: N818 - a state, not a fault
    """Another local stack runs in this folder."""


class PastError(DeployError):
    """The past cannot be written for Prometheus; the text says what is missing."""


class GenerateError(DeployError):
    """Generated files differ from their source; the text names the files."""
