"""Use case of coverage: what an environment needs. Nothing is stored."""

from marketplace.licensing.environments.coverage import EnvironmentCoverage, cover_environment
from marketplace.licensing.environments.environment import Environment


def ask_coverage(environment: Environment) -> EnvironmentCoverage:
    """Answer for one checked environment."""
    return cover_environment(environment)
