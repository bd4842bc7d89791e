"""Peers on the JVM: found or fetched when the bench runs, and compiled there by a compiler that needs no JDK."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from deploy.errors import StartError
from deploy.stack import kafka
from deploy.stack.jars import jars

SOURCES = Path(__file__).parent / "jvm"
_JACKSON = "com.fasterxml.jackson.core:jackson-databind"
_LOG = "org.slf4j:slf4j-simple:1.7.36"
_COMPILER = "org.eclipse.jdt:ecj:3.43.0"
LIBRARIES = {
    "KafkaStreamsPeer": f"org.apache.kafka:kafka-streams:4.1.1+{_JACKSON}:2.20.1+{_LOG}",
    "FlinkPeer": "org.apache.flink:flink-streaming-java:1.20.3+org.apache.flink:flink-clients:1.20.3"
    "+org.apache.flink:flink-connector-base:1.20.3"
    f"+org.apache.flink:flink-connector-kafka:3.4.0-1.20+{_JACKSON}:2.15.3+{_LOG}",
}
_OPENS = ("java.base/java.lang", "java.base/java.util", "java.base/java.time", "java.base/java.nio")


class NoJavaError(Exception):
    """A peer cannot be run here; says why."""


@cache
def java() -> str:
    """A Java runtime: JAVA_HOME's, the PATH's, or the one that Kafka runs on."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    return found or kafka.java()


def version() -> str:
    """What the runtime calls itself."""
    said = subprocess.run([java(), "-version"], capture_output=True, text=True, check=True).stderr
    return said.split('"')[1]


@cache
def _jars(endpoint: str) -> str:
    try:
        return os.pathsep.join(jars(endpoint))
    except StartError as error:
        raise NoJavaError(str(error)) from error


def command(peer: str, folder: Path, *arguments: str) -> list[str]:
    """Compile a peer and return its command line. Raises NoJavaError."""
    libraries = _jars(LIBRARIES[peer])
    classes = folder / f"classes-{peer}"
    if not classes.exists():
        sources = [str(SOURCES / f"{name}.java") for name in ("Event", "Client", "Work", peer)]
        compiler = [java(), "-cp", _jars(_COMPILER), "org.eclipse.jdt.internal.compiler.batch.Main", "-17", "-nowarn"]
        done = subprocess.run(
            [*compiler, "-d", str(classes), "-cp", libraries, *sources], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NoJavaError(f"{peer} does not compile: {done.stderr or done.stdout}")
    opens = [word for package in _OPENS for word in ("--add-opens", f"{package}=ALL-UNNAMED")]
    settings = ["-Xms1g", "-Xmx3g", *opens, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    return [java(), *settings, "-cp", os.pathsep.join((str(classes), libraries)), peer, *arguments]
