"""A clock that stands still until a test sets it."""


class ManualClock:
    """Called like `time.monotonic`; `now` is what it says."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
