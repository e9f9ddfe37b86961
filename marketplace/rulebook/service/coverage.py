"""Use case of coverage: what an environment needs. Nothing is stored."""

from marketplace.licensing.environment import Environment
from marketplace.licensing.environment_coverage import EnvironmentCoverage, cover_environment


def ask_coverage(environment: Environment) -> EnvironmentCoverage:
    """Answer for one checked environment."""
    return cover_environment(environment)
