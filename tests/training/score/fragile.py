"""Stand-ins for `training.score.workers.Reader`; apart from tests: the processes of workers import them."""

import os
import signal


class Fragile:
    """Reads nothing; dies over some files, over one of them only the first time."""

    def __init__(self, folder):
        self.folder = folder

    def ready(self):
        return None

    def score(self, group):
        name, mark = group.path.name, self.folder / "died"
        if name == "deadly" or (name == "unlucky" and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return name.upper()


class Hopeless(Fragile):
    """Cannot even begin."""

    def __init__(self):
        super().__init__(None)

    def ready(self):
        return "Not all models are available."


class Stillborn(Hopeless):
    """Dies while it begins, as where memory is short."""

    def ready(self):
        os.kill(os.getpid(), signal.SIGKILL)
