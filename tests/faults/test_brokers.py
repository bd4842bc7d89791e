"""Kafka's nodes die, restart and vanish behind a cut under load: workers wait and go on, nothing is lost."""

import signal

import pytest

from tests.faults.run import PARTITIONS, SESSION

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def _back(run, node, seconds=60):
    """Start a node again, while time goes on for the workers."""
    node.start(wait=False)
    run.until(lambda: node.ready, seconds, f"{node.name} is up")


def test_leader_killed(run, cluster):
    """SIGKILL of a partition leader, which comes back after ten seconds."""
    run.begin("one", "two")
    controller = cluster.controller()
    leaders = cluster.leaders(run.kafka.events_topic).values()
    node = next(node for node in leaders if node is not controller)
    run.notes["partitions_led"] = sum(leader is node for leader in leaders)
    run.fault("SIGKILL of a leader")
    node.kill()
    run.sleep(10)
    _back(run, node)
    run.settle(10).append()


def test_controller_killed(run, cluster):
    """SIGKILL of the controller, which comes back after ten seconds."""
    run.begin("one", "two")
    node = cluster.controller()
    run.fault("SIGKILL of the controller")
    node.kill()
    run.sleep(10)
    assert cluster.controller() is not node, "another one leads"
    _back(run, node)
    run.settle(10).append()


def test_restarted_in_turn(run, cluster):
    """Restart of all brokers in turn."""
    run.begin("one", "two")
    for node in cluster.nodes:
        run.fault(f"SIGTERM of {node.name}")
        node.signal(signal.SIGTERM)
        run.until(lambda: not node.running, 15, f"{node.name} has ended")  # noqa: B023
        _back(run, node)
        run.sleep(4)
    run.settle(8).append()


def test_no_quorum(run, cluster):
    """Two of three brokers killed: too few replicas for ten seconds."""
    run.begin("one", "two")
    controller = cluster.controller()
    others = [node for node in cluster.nodes if node is not controller]
    run.fault("SIGKILL of two brokers")
    for node in (controller, others[0]):
        node.kill()
    run.sleep(10)
    for node in (controller, others[0]):
        node.start(wait=False)
    run.until(lambda: controller.ready and others[0].ready, 40, "all brokers are up")
    run.settle(12, patience=80).append()


def _only_copies(run, cluster):
    """The node that leads most changelogs whose events lie elsewhere, and is not the controller."""
    leaders = {name: cluster.leaders(f"{run.business.app_id}-{name}-changelog") for name in ("cells", "clients")}
    events = cluster.leaders(run.kafka.events_topic)
    hit = {
        node.node_id: [n for n in events if events[n] is not node and any(led[n] is node for led in leaders.values())]
        for node in cluster.nodes
        if node is not cluster.controller()
    }
    node = next(node for node in cluster.nodes if node.node_id == max(hit, key=lambda number: len(hit[number])))
    run.notes["partitions_hit"] = len(hit[node.node_id])
    return node


def test_only_copies_away(lone_run, cluster):
    """The only copies of some changelogs away for half a minute: flushes fail and are written again."""
    run = lone_run
    run.begin("one", "two")
    node = _only_copies(run, cluster)
    run.fault("SIGKILL of the only broker that has them")
    node.kill()
    run.sleep(33)
    assert any("writing again what could not be made durable" in worker.output() for worker in run.workers)
    _back(run, node)
    run.settle(10).append()
    assert not run.crashes, "the same process goes on"


def test_away_at_take_over(lone_run, cluster):
    """SIGKILL of a worker, and of the only broker that has some changelogs, until after the other one wants to read."""
    run = lone_run
    one, two = run.begin("one", "two")
    node = _only_copies(run, cluster)
    run.fault("SIGKILL of a worker and of that broker")
    two.down()
    node.kill()
    run.until(lambda: "opening a partition again" in one.output(), 70, "a partition cannot be opened")
    _back(run, node)
    run.until(lambda: len(one.ready) == PARTITIONS, 60, "one owns all")
    two.up()
    run.settle(8).append()
    assert not run.crashes, "the same process goes on"


def test_broker_and_worker_killed(run, cluster):
    """SIGKILL of a broker and a worker together, and both come back."""
    one, _two = run.begin("one", "two")
    node = next(iter(cluster.leaders(run.kafka.events_topic).values()))
    run.fault("SIGKILL of both")
    node.kill()
    one.kill()
    run.sleep(10)
    _back(run, node)
    run.settle(10).append()


def test_cut_off(run, cluster):
    """Network cut between a worker and the brokers, for longer than the session."""
    (two,) = run.begin("two", rate=0)
    one = run.worker("one", SALES_KAFKA_SERVERS=cluster.cuttable)
    run.until(lambda: one.ready and two.ready, 40, "both own some")
    run.load()
    run.sleep(6)
    lost = set(one.ready)
    run.fault("cut")
    cluster.cut()
    stood = one.samples[-1][1]
    run.until(lambda: len(two.ready) == PARTITIONS, 40, "the other one owns all")
    run.sleep(SESSION)
    fences = two.samples[-1][1]
    assert all(fences[number] > stood.get(number, -1) for number in lost), "the new owner has written"
    run.fault("healed")
    cluster.heal()
    run.settle(15).append()
