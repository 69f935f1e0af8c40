import threading
from pathlib import Path

import pytest

from horizonte.embedded import state
from horizonte.embedded.state import Record
from horizonte.errors import ServiceFault

RECORD = Record((15_001, 15_002), "user", "hush", "db", settled=True, pid=7, created=1.5)


def test_records_survive_the_file(tmp_path: Path) -> None:
    """What is written is what is read, and the file is its owner's alone."""
    state.write(tmp_path, {"postgres": RECORD})
    assert state.read(tmp_path) == {"postgres": RECORD}
    assert (tmp_path / "services.json").stat().st_mode & 0o777 == 0o600
    assert "hush" not in repr(RECORD)


@pytest.mark.parametrize("text", ["", "[]", '{"postgres": {}}', '{"postgres": {"ports": 1}}'])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    """A state file that cannot be understood is refused with the way out, never guessed."""
    (tmp_path / "services.json").write_text(text)
    with pytest.raises(ServiceFault, match="delete it and run"):
        state.read(tmp_path)


def test_the_lock_is_for_one(tmp_path: Path) -> None:
    """While one holds a home another waits, and says so when it has waited too long."""
    home = tmp_path / "home"
    with (
        state.lock(home),
        pytest.raises(ServiceFault, match="another start holds it"),
        state.lock(home, seconds=0.1),
    ):
        pass
    entered = threading.Event()
    with state.lock(home):
        entered.set()
    assert entered.is_set()


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A home below a file is a ServiceFault that names the setting."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(ServiceFault, match="HORIZONTE_HOME"),
        state.lock(tmp_path / "file" / "home"),
    ):
        pass
