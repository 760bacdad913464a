"""The jars of the broker: fetched once by Maven into `jars/`, whoever asks first.

Several processes may ask at the same time (tests beside a laptop): a file lock lets one of them
fetch and the others wait. A fetch that was broken off leaves no stamp and is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent
_POM = _HERE / "pom.xml"
_JARS = _HERE / "jars"
_STAMP = _JARS / ".complete"
_OLDEST_JAVA = 17  # Kafka 4 brokers run on Java 17 and newer.
_FETCH_SECONDS = 600  # 43 MB take 5 to 10 s on a good line; a slow one must not fail for that.


class KafkaUnavailable(RuntimeError):  # noqa: N818 - it names a state of the machine, not a fault of a caller.
    """No local broker can be had; the message says what is missing and what to do."""


def kafka_version() -> str:
    """The version of Apache Kafka that the pom asks for, such as "4.3.0"."""
    found = re.search(
        r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)<", _POM.read_text()
    )
    if found is None:
        raise KafkaUnavailable(f"{_POM} names no version of org.apache.kafka:kafka_2.13.")
    return found.group(1)


def find_java() -> str:
    """The path of a Java that can run the broker: `JAVA_HOME`'s, else the one on the PATH."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin")) if home else shutil.which("java")
    if java is None:
        raise KafkaUnavailable(
            f"Java is missing: install a Java runtime {_OLDEST_JAVA} or newer "
            "(Debian: default-jre-headless), or set JAVA_HOME."
        )
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    if version is None or int(version.group(1)) < _OLDEST_JAVA:
        found = version.group(1) if version else "of an unknown version"
        raise KafkaUnavailable(f"Java {_OLDEST_JAVA} or newer is needed; {java} is Java {found}.")
    return java


def find_maven() -> str:
    """The path of Maven."""
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable(
            "Maven is missing: install it (Debian: maven) to fetch Kafka's jars."
        )
    return maven


def have_jars() -> bool:
    """Whether the jars of this very pom are already here."""
    return _STAMP.exists() and _STAMP.read_text() == _digest()


def ensure_jars() -> str:
    """Fetch the jars unless they are here, and return the class path. Safe if concurrent."""
    if not have_jars():
        _JARS.mkdir(exist_ok=True)
        with _locked(_JARS / ".lock"):
            if not have_jars():
                _fetch(find_maven())
    return str(_JARS / "*")


def _fetch(maven: str) -> None:
    _STAMP.unlink(missing_ok=True)
    for jar in _JARS.glob("*.jar"):
        jar.unlink()
    command = [maven, "--quiet", "--batch-mode", "--file", str(_POM)]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={_JARS}"]
    command += ["-DincludeScope=runtime"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise KafkaUnavailable(
            f"Maven did not fetch Kafka's jars in {_FETCH_SECONDS} s; the next start tries again."
        ) from None
    if done.returncode != 0:
        raise KafkaUnavailable(
            "Maven could not fetch Kafka's jars; the next start tries again. It said:\n"
            + "\n".join((done.stdout + done.stderr).strip().splitlines()[:10])
        )
    _STAMP.write_text(_digest())


def _digest() -> str:
    return hashlib.sha256(_POM.read_bytes()).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
