"""The view as a board, read once: for commands that work numbers out by themselves and leave the exporter alone."""

import asyncio
import time

from metrics.ending import end_tasks
from metrics.errors import AwayError
from metrics.exporter.board import Board
from metrics.exporter.feed.follow import ViewFollower
from metrics.exporter.feed.trust import Trust
from metrics.redis_client import connect
from metrics.settings import ViewSettings

_LOOK_SECONDS = 0.1


class _Unrendered(Board):
    """A board that nobody scrapes: it makes no text."""

    def refresh(self, now: float, most: int = 1 << 30) -> bool:
        """Leave it at that."""
        del most
        self.rendered_at = now
        return True


async def read(settings: ViewSettings, patience: float) -> Board:
    """Everything that Redis holds, once it can be vouched for. patience: seconds until then.

    Raises AwayError with the reason, CalendarError.
    """
    client = connect(settings.redis_url.get_secret_value())
    board = _Unrendered(settings)
    follower = ViewFollower(board, client, settings.app_id)
    trust = Trust(follower, time.time, settings.view_max_age)
    following = asyncio.create_task(follower.run())
    deadline = time.monotonic() + patience
    try:
        while problem := trust.problem():
            if time.monotonic() > deadline:
                raise AwayError(problem)
            await asyncio.sleep(_LOOK_SECONDS)
        await follower.catch_up(hours=True)
    finally:
        await end_tasks([following])
        await client.aclose()
    return board
