#!/bin/sh
# Runs one Cassandra node (5.0 or 4.1, on Java 11 or 17) in the foreground: for tests only, never for data that matters.
# The one launcher of the JVM fixture, the three-node cluster and the locally built image, so it uses only sh, cat and
# mkdir (the watcher, which the image has not, also sleep and rm).
# Everything comes from the environment; without any, it runs as the image does (docker sets $HOSTNAME, which resolves
# to the container's own address):
lib=${CASSANDRA_LIB:-/cassandra/lib}         # the jars
dir=${CASSANDRA_DIR:-/var/lib/cassandra}     # configuration and data
address=${CASSANDRA_ADDRESS:-$HOSTNAME}      # for the other nodes; CASSANDRA_RPC_ADDRESS and ..._BROADCAST_RPC_ADDRESS: for clients
# CASSANDRA_CLUSTER_NAME _SEEDS _DC _TOKEN _NATIVE_PORT _STORAGE_PORT _RING_DELAY_MS: as their names say
# CASSANDRA_YAML: more lines of cassandra.yaml (a key that stands above too must not be repeated)
# CASSANDRA_WATCH_STDIN: when set, standard input is a pipe; when that ends without a line in it, the node is killed and
# $CASSANDRA_DIR removed
# JAVA_HOME, JVM_OPTS, MAX_HEAP_SIZE

mkdir -p "$dir/conf" && cd "$dir" || exit 1

cat >conf/cassandra.yaml <<YAML
cluster_name: ${CASSANDRA_CLUSTER_NAME:-test}
num_tokens: 1
${CASSANDRA_TOKEN:+initial_token: "$CASSANDRA_TOKEN"}
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
commitlog_sync: periodic
commitlog_sync_period: 10000ms
seed_provider: [{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{seeds: "${CASSANDRA_SEEDS:-$address}"}]}]
listen_address: $address
storage_port: ${CASSANDRA_STORAGE_PORT:-7000}
rpc_address: ${CASSANDRA_RPC_ADDRESS:-0.0.0.0}
broadcast_rpc_address: ${CASSANDRA_BROADCAST_RPC_ADDRESS:-$address}
native_transport_port: ${CASSANDRA_NATIVE_PORT:-9042}
endpoint_snitch: GossipingPropertyFileSnitch
data_file_directories: ["$dir/data"]
commitlog_directory: "$dir/commitlog"
hints_directory: "$dir/hints"
saved_caches_directory: "$dir/saved_caches"
cdc_raw_directory: "$dir/cdc_raw"
auto_snapshot: false
${CASSANDRA_YAML:-}
YAML
printf 'dc=%s\nrack=rack1\n' "${CASSANDRA_DC:-datacenter1}" >conf/cassandra-rackdc.properties
cat >conf/logback.xml <<'XML'
<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %d{HH:mm:ss.SSS} %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="STDOUT"/></root>
</configuration>
XML

# What Cassandra's own conf/jvm17-server.options opens, and three more that 4.1 needs on Java 17; Java 11 takes them too.
set --
for name in java.base/jdk.internal.misc java.base/java.lang.ref java.management.rmi/com.sun.jmx.remote.internal.rmi \
    java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.sql/java.sql jdk.unsupported/sun.misc \
    jdk.compiler/com.sun.tools.javac.file jdk.attach/sun.tools.attach; do
    set -- "$@" --add-exports "$name=ALL-UNNAMED"
done
for name in java.base/java.lang.module java.base/jdk.internal.loader java.base/jdk.internal.ref java.base/jdk.internal.reflect \
    java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.util.jar java.base/sun.nio.ch java.base/java.io \
    java.base/java.lang.reflect java.base/java.lang java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic java.base/java.nio \
    jdk.management/com.sun.management.internal jdk.compiler/com.sun.tools.javac; do
    set -- "$@" --add-opens "$name=ALL-UNNAMED"
done
for jar in "$lib"/jamm-*.jar; do set -- "$@" "-javaagent:$jar"; done

# The watcher: $$ is this shell, which java replaces. It is the only one to hold the pipe's reading end.
if [ -n "$CASSANDRA_WATCH_STDIN" ]; then
    exec 3<&0
    (
        read -r _ && exit
        kill -KILL $$
        for _ in 1 2 3 4 5; do kill -0 $$ 2>/dev/null && sleep 0.2; done
        rm -rf "$dir"
    ) <&3 3<&- &
    exec 3<&-
fi
# Without a port for JMX there is none. Serial GC: the least memory and threads. No ring delay: there are no neighbours.
# (With neighbours, the set-up of roles waits as long: without a pause it is tried again and again until they are up.)
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xms256m "-Xmx${MAX_HEAP_SIZE:-1g}" -XX:+UseSerialGC -Xss512k -XX:+ExitOnOutOfMemoryError "$@" \
    "-Dcassandra.config=file://$dir/conf/cassandra.yaml" "-Dcassandra-rackdc.properties=file://$dir/conf/cassandra-rackdc.properties" \
    "-Dlogback.configurationFile=file://$dir/conf/logback.xml" "-Dcassandra.storagedir=$dir" -Dcassandra-foreground=yes \
    -Dcassandra.skip_wait_for_gossip_to_settle=0 "-Dcassandra.ring_delay_ms=${CASSANDRA_RING_DELAY_MS:-0}" \
    "-Dcassandra.superuser_setup_delay_ms=${CASSANDRA_RING_DELAY_MS:-0}" ${JVM_OPTS:-} -cp "$dir/conf:$lib/*" org.apache.cassandra.service.CassandraDaemon </dev/null
