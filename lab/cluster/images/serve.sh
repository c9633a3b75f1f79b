#!/bin/sh
# nginx on the ports of $PORTS (8080) and an answer to each datagram on those of $UDP_PORTS (none): both name the
# server, the address they were asked from, and the port.
set -eu
listen=
for port in ${PORTS:-8080}; do listen="$listen listen $port backlog=4096;"; done
sed -e "s/@NAME@/$HOSTNAME/" -e "s/^ *listen 8080.*/$listen/" /etc/nginx.template > /run/nginx.conf
for port in ${UDP_PORTS:-}; do
  socat -T 2 "UDP4-RECVFROM:$port,fork" "SYSTEM:head -c 1400 >/dev/null; echo $HOSTNAME \$SOCAT_PEERADDR $port" &
done
exec nginx -e stderr -p /run -c /run/nginx.conf
