"""What can be wrong with a reference file.

ProducersError
└── ReferenceProblem    the file is not right; the text has a line for each problem, with its place
"""

from producers.errors import ProducersError


class ReferenceProblem(ProducersError):  # noqa: N818  # a finding, told to a person
    """The file is not right: nothing has been sent."""
