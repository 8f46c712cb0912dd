"""Security headers of every answer."""

POLICY = (  # nothing but what is listed; no inline scripts and styles, no frames, no plug-ins
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",  # the preview of a chosen file, the maps
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
)
UNUSED = (
    "accelerometer autoplay browsing-topics camera display-capture encrypted-media fullscreen geolocation "
    "gyroscope hid magnetometer microphone midi payment picture-in-picture publickey-credentials-get "
    "screen-wake-lock serial usb xr-spatial-tracking"
)
HEADERS = {
    "Content-Security-Policy": "; ".join(POLICY),
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED.split()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # frame-ancestors for old browsers
}
TLS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
NO_STORE = {"Cache-Control": "no-store"}


def headers_of(is_secure, is_personal):
    """Headers of an answer.

    Parameters
    ----------
    is_secure : bool
        Whether the request came over TLS.
    is_personal : bool
        Whether the answer is for one visitor, and must not stay in a cache.
    """
    return HEADERS | (TLS_ONLY if is_secure else {}) | (NO_STORE if is_personal else {})
