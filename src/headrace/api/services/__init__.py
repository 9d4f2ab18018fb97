"""What can be done with an instance: the operations that API, pages and command line share.

Every function takes a :class:`Context` (catalog, clock, randomness) and an :class:`Actor` (who asks) first, runs in
transactions of its own, and raises :class:`ServiceError` with a sentence that can be shown. Times are µs since the epoch.
"""

from headrace.api.services.base import OPERATOR, Actor, Context, ServiceError, key_actor

__all__ = ["OPERATOR", "Actor", "Context", "ServiceError", "key_actor"]
