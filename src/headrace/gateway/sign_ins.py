"""Tries to sign in, of browsers and of programs: whoever guesses has to wait."""

from __future__ import annotations

from headrace.admission.limits import Limiter, Spec
from headrace.gateway.peers import Peers

#: Tries to sign in: so many a minute, and so many at once. An address may be a whole office.
TRIES_BY_ACCOUNT = Spec("bucket", 2, 10)
TRIES_BY_ADDRESS = Spec("bucket", 10, 40)


class SignInGuard:
    """Counts tries by account, and by client address unless that is one that guards do not count (rulings 1). Its state is the limiter's:
    all guards on one count together. Used on the event loop's thread.
    """

    def __init__(self, peers: Peers, limiter: Limiter) -> None:
        self._peers = peers
        self._limiter = limiter

    def charge(self, address: str, email: str) -> int:
        """Seconds to wait, 0 for a try that may go on. ``address`` is the client's behind trusted proxies."""
        counted = self._peers.counted(address, {})
        if counted:
            charge = self._limiter.charge(("sign-in", "address", counted), TRIES_BY_ADDRESS, 1)
            if not charge.allowed:
                return charge.retry_after
        return self._limiter.charge(("sign-in", "account", email), TRIES_BY_ACCOUNT, 1).retry_after
