"""Who may do what: hosts, origins, log-in, cookies and headers."""

from models.web.access.access_control import AccessControl
from models.web.access.network import refuse_open_door
from models.web.access.origins import AccessDenied

__all__ = ["AccessControl", "AccessDenied", "refuse_open_door"]
