"""What can go wrong with an import as a whole (single lines are refused, not raised).

ProducersError
└── ImportProblem       the import cannot begin or go on; one clear line
    └── MappingProblem  the mapping file is wrong; says where
"""

from producers.errors import ProducersError


class ImportProblem(ProducersError):  # noqa: N818  # a finding, told to a person
    """The import cannot begin or go on."""


class MappingProblem(ImportProblem):
    """A mapping file is wrong; the text names the place in it."""
