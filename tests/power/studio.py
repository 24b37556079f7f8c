"""Where recordings are made, each when it is first asked for, on mounts that nobody else sees."""

from dataclasses import dataclass, field
from pathlib import Path

import injection
import mounts
import play
import pytest
from careless import Careless
from play import Recording


@dataclass
class Studio:
    """Makes recordings below `folder`, and skips the test where the machine cannot."""

    folder: Path
    library: Path | None = None
    made: dict[str, Recording] = field(default_factory=dict)

    def recording(self, file_system: str, careless: Careless | None = None) -> Recording:
        """Return the record of a run, as the program is or made `careless`, on such a file system."""
        kind = mounts.FILE_SYSTEMS[file_system]
        if why := mounts.lacking(kind):
            pytest.skip(why)
        name = f"{file_system}-{careless.__name__}" if careless else file_system
        if name not in self.made:
            self.library = self.library or self._begun()
            folder = self.folder / name
            folder.mkdir()
            self.made[name] = play.recording(kind, folder, self.library, careless)
        return self.made[name]

    def _begun(self) -> Path:
        mounts.alone()
        return injection.compiled(self.folder)
