"""s3d for the tests of other projects: a real S3 server of their own, empty for each test.

With pytest, ask for the fixture `s3d_server`; the plugin is there as soon as s3d is installed. With
any other runner, use S3dServer as a context manager. The user guide has both, "From pytest".
Importing this package imports nothing of it: every project that has s3d installed loads the plugin,
also in runs that do not use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3d.testing.server import S3dServer

__all__ = ["S3dServer"]


def __getattr__(name: str) -> object:
    if name == "S3dServer":
        from s3d.testing.server import S3dServer

        return S3dServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
