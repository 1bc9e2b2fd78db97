"""A file backend whose files appear whole or not at all."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """mmengine's local backend, but a file is written beside its place and then moved there."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write the bytes to a file, making its folder; whoever is killed here leaves the old file as it was."""
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
        try:
            with open(temporary, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write a text to a file, likewise."""
        self.put(obj.encode(encoding), filepath)
