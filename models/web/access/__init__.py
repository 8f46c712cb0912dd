"""Who may do what: hosts, origins, log-in, headers. Knows HTTP, but no web framework.

What is called a request here has the attributes of ``werkzeug.Request``: method, path, headers, cookies,
scheme, host, remote_addr, is_secure, authorization and form; further ``head(n)``, which gives the first n
bytes of its body without taking them from the form.
"""

from models.web.access.access_control import AccessControl
from models.web.access.denied import AccessDenied
from models.web.access.network import refuse_open_door

__all__ = ["AccessControl", "AccessDenied", "refuse_open_door"]
