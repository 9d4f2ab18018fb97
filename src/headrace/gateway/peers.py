"""Whose request it is: the client's address behind the proxies that the operator trusts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


class Peers:
    """``proxies``: whose ``X-Forwarded-For`` is believed (none by default); ``unlimited``: client addresses that guards by address do
    not count (rulings 1).
    """

    def __init__(self, proxies: Sequence[Network], unlimited: Sequence[Network]) -> None:
        self._proxies = tuple(proxies)
        self._unlimited = tuple(unlimited)
        self._counted: dict[str, str] = {}

    def address(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """The client's address: the peer's, or the right-most hop that is no trusted proxy. "" when there is none."""
        if not self._proxies or not _within(peer, self._proxies):
            return peer
        hops = [hop.strip() for hop in headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",") if hop.strip()]
        for hop in reversed(hops):
            if not _within(hop, self._proxies):
                return hop
        return hops[0] if hops else peer

    def counted(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """The address that guards count, "" for one that they do not."""
        address = self.address(peer, headers) if self._proxies else peer
        known = self._counted.get(address)
        if known is None:
            if len(self._counted) > 100_000:
                self._counted.clear()
            known = self._counted[address] = "" if _within(address, self._unlimited) else address
        return known

    def trusts(self, peer: str) -> bool:
        """Whether the peer itself is a proxy whose forwarding headers are believed."""
        return bool(self._proxies) and _within(peer, self._proxies)


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks if network.version == parsed.version)
