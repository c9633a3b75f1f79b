#!/bin/sh
# serve-database redis | postgres: without a password, empty in every pod, in memory as far as they can.
set -eu
case ${1:-} in
redis)
  exec redis-server --bind 0.0.0.0 --protected-mode no --save '' --appendonly no --dir /tmp
  ;;
postgres)
  # By psql, a server pod says who it is: select current_setting('cluster_name').
  exec postgres -D /usr/share/postgres-data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c jit=off \
    -c timezone=GMT -c log_timezone=GMT -c shared_buffers=16MB -c cluster_name="$HOSTNAME"
  ;;
*)
  echo "usage: serve-database redis | postgres" >&2
  exit 2
  ;;
esac
