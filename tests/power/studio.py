"""Where recordings are made, each when it is first asked for, on mounts that nobody else sees."""

from dataclasses import dataclass, field
from pathlib import Path

import injection
import mounts
import play
import pytest
from cut import Cut
from play import Manner, Recording


@dataclass
class Studio:
    """Makes recordings below `folder`, and skips the test where the machine cannot."""

    folder: Path
    library: Path | None = None
    made: dict[str, Recording] = field(default_factory=dict)

    def recording(self, file_system: str, manner: Manner | None = None) -> Recording:
        """Return the record of a run on such a file system."""
        kind = mounts.FILE_SYSTEMS[file_system]
        if why := mounts.lacking(kind):
            pytest.skip(why)
        manner = manner or Manner()
        name = f"{file_system}-{manner}"
        if name not in self.made:
            self.made[name] = play.recording(kind, self._folder(name), self._library(), manner)
        return self.made[name]

    def recovery(self, first: Recording, cut: Cut) -> Recording:
        """Return the record of the run that carries on after `cut`."""
        folder = self._folder(f"{first.base.parent.name}-{cut.at}-{cut.cache}")
        return play.recovery(first, cut, folder, self._library())

    def _folder(self, name: str) -> Path:
        """Make the folder of one recording; what Python compiles for one serves all."""
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir()
            (folder / "bytecode").symlink_to("../bytecode")
        return folder

    def _library(self) -> Path:
        """Return the library that counts mutations; from the first time on, mounts are this process's own."""
        if self.library is None:
            mounts.alone()
            (self.folder / "bytecode").mkdir()
            self.library = injection.compiled(self.folder)
        return self.library
