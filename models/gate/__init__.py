"""Who may do what: hosts, origins, log-in, headers. Knows HTTP, but no web framework.

What is called a request here has the attributes of ``werkzeug.Request``: method, path, headers, cookies,
scheme, host, remote_addr, is_secure, authorization and form; further ``head(n)``, which gives the first n
bytes of its body without taking them from the form.
"""

from models.gate.door import Door
from models.gate.network import refuse_open_door
from models.gate.refused import Refused

__all__ = ["Door", "Refused", "refuse_open_door"]
