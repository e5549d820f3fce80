"""The policy that the configuration asks for: none, one in this process, or a server."""

from __future__ import annotations

from s3d.agent.selection.decision import PolicyEngine
from s3d.agent.selection.opa_http import HttpEngine
from s3d.agent.selection.policy_cache import CachedEngine
from s3d.agent.selection.rego import RegoEngine
from s3d.shared.config import Config


def open_policy(config: Config) -> PolicyEngine | None:
    """Raises PolicyError for a policy that cannot be used; a server is not asked for anything."""
    if config.opa_policy is not None:
        return CachedEngine(RegoEngine(config.opa_policy))
    return CachedEngine(HttpEngine(config.opa_url)) if config.opa_url else None
