"""A codec that the zygote forked, handled by `models.ingest.dicom.codec` like a child of its own."""

import socket


class ForkedCodec:
    """The other end of a codec's socket, with what `Codec` uses of a `subprocess.Popen`."""

    def __init__(self, connection):
        self._connection = connection
        self.stdin, self.stdout = connection.makefile("wb"), connection.makefile("rb")

    def poll(self):
        """None: that it ended is seen when it does not answer."""
        return None

    def kill(self):
        """Let it read an end of its input; one that reads no more is ended by its own alarm."""
        self._connection.shutdown(socket.SHUT_RDWR)

    def communicate(self):
        """Close the connection."""
        for stream in (self.stdin, self.stdout, self._connection):
            stream.close()
