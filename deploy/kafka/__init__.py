"""Apache Kafka without a container engine: one broker from Maven Central's jars."""

from deploy.kafka.broker import LocalKafka
from deploy.kafka.jars import KafkaUnavailable

__all__ = ["KafkaUnavailable", "LocalKafka"]
