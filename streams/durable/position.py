"""Where reading a partition goes on after it was restored, and that it still is the log that was folded."""

from streams.durable.restore import Bounds
from streams.durable.topic_id import differ, other_id, recreated
from streams.errors import WorkerError
from streams.state.partition import Partition


def position(topic: str, partition: Partition, bounds: Bounds) -> int:
    """Where reading goes on. Raises WorkerError when the log is not the one that was folded."""
    number, fence = partition.number, partition.fence
    if fence < 0:
        return bounds.begin
    if differ(partition.log, bounds.log):
        raise recreated(topic, other_id(partition.log, bounds.log))
    if bounds.end <= fence:
        how = f"partition {number} ends at {bounds.end}, but events up to {fence} were folded"
        if not (partition.log and bounds.log):  # brokers say no ids: it may be another topic
            raise recreated(topic, how)
        raise WorkerError(
            f"{topic} lost the end of its log ({how}), as it does when a broker leads that did not have all of it: "
            "what was counted of that cannot be taken back; choose a new SALES_APP_ID so that what is left is counted"
        )
    if bounds.begin > fence + 1:
        raise WorkerError(
            f"{topic} partition {number} begins at {bounds.begin}, but only events up to {fence} were folded: events "
            "were deleted before they were counted; choose a new SALES_APP_ID to count what is left"
        )
    return fence + 1
