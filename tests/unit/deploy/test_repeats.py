"""What is logged again and again is said once and counted; what is said once is never lost."""

import json
import logging
import subprocess
import sys
import textwrap

import pytest

from deploy.logs import _Handler, configure
from deploy.repeats import SECONDS, Repeats
from tests.support.clock import ManualClock


@pytest.fixture
def log():
    """A logger, its clock, and what was written: (message, times)."""
    clock, written = ManualClock(), []

    class KeepingHandler(logging.Handler):
        def emit(self, record):
            text = record.msg["event"] if isinstance(record.msg, dict) else record.getMessage()
            written.append((text, getattr(record, "times", None)))

    handler = KeepingHandler()
    repeats = Repeats(handler.handle, clock)
    repeats._thread = "none: the clock is set by hand"
    handler.addFilter(repeats)
    logger = logging.Logger("a", logging.DEBUG)  # noqa: LOG001 - one that nobody else has
    logger.addHandler(handler)

    def after(seconds):
        clock.now += seconds
        repeats.sweep()
        found, written[:] = list(written), []
        return found

    return logger, after, repeats


def test_one_line_a_minute(log):
    """The first at once, then the last of each minute with how many it stands for, and then the first again."""
    logger, after, _ = log
    for attempt in range(1000):
        logger.error("Unable connect to node with id %s: %s", attempt % 3, f"[Errno 111] ('127.0.0.1', {attempt})")
    assert after(1) == [("Unable connect to node with id 0: [Errno 111] ('127.0.0.1', 0)", None)]
    for _ in range(50):
        logger.error("Unable connect to node with id %s: %s", 7, "[Errno 111] ('127.0.0.1', 9)")
    assert after(SECONDS) == [("Unable connect to node with id 7: [Errno 111] ('127.0.0.1', 9)", 1049)]
    logger.error("Unable connect to node with id %s: %s", 8, "[Errno 111] ('127.0.0.1', 9)")
    assert after(SECONDS) == [("Unable connect to node with id 8: [Errno 111] ('127.0.0.1', 9)", 1)]
    assert after(SECONDS) == []
    logger.error("Unable connect to node with id %s: %s", 9, "[Errno 111] ('127.0.0.1', 9)")
    assert after(0) == [("Unable connect to node with id 9: [Errno 111] ('127.0.0.1', 9)", None)]


def test_what_differs_in_words_is_said(log):
    """Another error, level, logger or event is another problem."""
    logger, after, _ = log
    logger.warning("%s", "no leader")
    logger.warning("%s", "no route to host")
    logger.error("%s", "no leader")
    logger.warning("it failed", exc_info=ValueError("x"))
    logger.warning("it failed", exc_info=ValueError("y"))
    logger.warning("it failed", exc_info=ValueError("y"))
    assert [text for text, _ in after(0)] == ["no leader", "no route to host", "no leader", "it failed", "it failed"]


def test_our_own_lines(log):
    """The same partition's tries are counted; each partition is told, and each kind of problem."""
    logger, after, _ = log
    for failed in range(5):
        for partition in range(3):
            logger.warning({"event": "again", "partition": partition, "failed": failed, "problem": f"timeout {failed}"})
    logger.warning({"event": "again", "partition": 0, "failed": 6, "problem": "no leader"})
    assert after(0) == [("again", None)] * 4
    assert after(SECONDS) == [("again", 4)] * 3


def test_strangers_cannot_flood(log):
    """Words that a stranger chooses make no more lines than a bound, and no more groups."""
    logger, after, repeats = log
    for number in range(5_000):
        word = "".join(chr(97 + int(digit)) for digit in str(number))
        logger.info({"event": "request refused", "why": f"you send for {word} only"})
    assert len(after(0)) < 30
    for number in range(5_000):
        logger.info("".join(chr(97 + int(digit)) for digit in str(number)))
    assert len(repeats._groups) < 1_100
    assert sum(times or 1 for _, times in after(SECONDS)) == 10_000 - 25 + 4


def test_debugging_sees_all(log):
    """What is said for those who look closely is not counted."""
    logger, after, _ = log
    for _ in range(9):
        logger.debug("step")
    assert after(0) == [("step", None)] * 9


_PROGRAM = """
    import logging, os, sys, time, structlog
    from deploy import repeats
    from deploy.logs import configure
    repeats.SECONDS = {seconds}
    configure({format!r})
    log, library = structlog.get_logger("ours"), logging.getLogger("aiokafka.client")
    for number in range(20):
        log.warning("waiting for Kafka", problem=f"attempt {{number}}")
        library.error("Unable connect to node with id %s: %s", number, "refused")
        try:
            raise ValueError(number)
        except ValueError:
            log.exception("it failed")
    time.sleep({pause})
    {end}
"""


def _run(**named):
    program = textwrap.dedent(_PROGRAM).format(**named)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return done.stderr


@pytest.mark.parametrize("end", ["pass", "logging.shutdown(); os._exit(1)"])
def test_the_last_words_of_a_process(end):
    """Counts are written when it ends, in both ways in which our processes end; JSON says them as fields."""
    lines = [json.loads(line) for line in _run(seconds=60, format="json", pause=0, end=end).splitlines()]
    assert [(line["event"], line.get("times")) for line in lines] == [
        ("waiting for Kafka", None),
        ("Unable connect to node with id 0: refused", None),
        ("it failed", None),
        ("waiting for Kafka", 19),
        ("Unable connect to node with id 19: refused", 19),
        ("it failed", 19),
    ]
    assert lines[3]["problem"] == "attempt 19"
    assert lines[3]["within_seconds"] < 20
    assert lines[5]["exception"][0]["exc_value"] == "19"
    assert all(line["timestamp"] and line["level"] and line["logger"] for line in lines)


def test_said_while_nothing_else_is():
    """A thread writes the counts when they are due, though nobody logs any more; text shows them too."""
    said = _run(seconds=1, format="text", pause=4, end="sys.stderr.flush(); os.kill(os.getpid(), 9)")
    assert said.count("waiting for Kafka") == 2
    assert "times=19" in said
    assert said.count("ValueError: 19") == 1


_BROKEN = """
    import logging, os, sys, threading, structlog
    from deploy import repeats
    from deploy.logs import configure
    noise = os.dup(2)
    {before}
    repeats.SECONDS = 0.1
    configure("text")
    log = structlog.get_logger("ours")
    log.warning("first", n=0)
    {broken}
    for number in range(20):
        log.warning("waiting for Kafka", problem=f"attempt {{number}}")
    sys.stderr = open(noise, "w")  # where Python would complain
    import time; time.sleep(1.5)
    print("went on")
"""


@pytest.mark.parametrize(
    ("before", "broken"),
    [
        ("", "sys.stderr.close()"),
        ("", "read, write = os.pipe(); os.close(read); os.dup2(write, 2)"),
        ("", "os.close(2)"),
        ("sys.stderr = None", ""),
    ],
    ids=["closed", "pipe", "gone", "none"],
)
def test_nobody_listens(before, broken):
    """A process whose standard error is closed, or was never there, goes on and complains nowhere."""
    program = textwrap.dedent(_BROKEN).format(before=before, broken=broken)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert "Logging error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_another_handler_takes_over(capfd):
    """Configured again, as tests and commands within commands do: the former writes its counts, and its thread ends."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    try:
        configure("json")
        former = root.handlers[0]
        for _ in range(3):
            logging.getLogger("a").warning("again")
        assert former._repeats._thread.is_alive()
        configure("json")
        former._repeats._thread.join(5)
        assert not former._repeats._thread.is_alive()
        said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        assert [(line["event"], line.get("times")) for line in said] == [("again", None), ("again", 2)]
    finally:
        root.handlers[:] = before


def test_what_is_wrong_with_a_line_is_still_said(capsys):
    """A line that cannot be formatted is a mistake of ours, and shows."""
    handler = _Handler(sys.stderr)
    logger = logging.Logger("a")  # noqa: LOG001 - one that nobody else has
    logger.addHandler(handler)
    logger.warning("%d", "no number")
    handler.close()
    assert "Logging error" in capsys.readouterr().err
