{{/* What the schema cannot say: values that are missing, and values that do not agree. All sentences at once. */}}

{{- define "portable-lb.check" -}}
{{- $values := .Values }}
{{- $faults := concat (include "portable-lb.faultsOfService" . | fromJsonArray) (include "portable-lb.faultsOfPrefixes" . | fromJsonArray) (include "portable-lb.faultsOfBgp" . | fromJsonArray) }}
{{- if and .Values.autoscaling.enabled (not (and .Values.autoscaling.metric.name .Values.autoscaling.metric.averageValue)) }}
{{- $faults = append $faults "autoscaling.metric: name and averageValue are missing: name a Pods metric that your metrics adapter serves, such as packets per second (never CPU: forwarding runs in softirq and is not charged to the pod)" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- $faults = append $faults (printf "autoscaling.minReplicas: is %d, above maxReplicas %d" (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- end }}
{{- if and .Values.healthCheck.http (ne .Values.healthCheck.type "http") }}
{{- $faults = append $faults (printf "healthCheck.http: is there with type %s: leave it out, or set healthCheck.type: http" .Values.healthCheck.type) }}
{{- end }}
{{- if eq (int .Values.health.controllerPort) (int .Values.health.sidecarPort) }}
{{- $faults = append $faults (printf "health.sidecarPort: is %d, as controllerPort is: choose a port of its own, since the containers share the pod's address" (int .Values.health.sidecarPort)) }}
{{- end }}
{{- if gt (int .Values.realServer.lowerThreshold) (int .Values.realServer.upperThreshold) }}
{{- $faults = append $faults (printf "realServer.lowerThreshold: is %d, above upperThreshold %d" (int .Values.realServer.lowerThreshold) (int .Values.realServer.upperThreshold)) }}
{{- end }}
{{- if and .Values.templates.existingConfigMap .Values.templates.files }}
{{- $faults = append $faults "templates: has both existingConfigMap and files: choose one" }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- $faults = append $faults "serviceAccount.name: is missing: with create: false name the ServiceAccount to use" }}
{{- end }}
{{- with $faults }}{{ fail (printf "\n\nThese values stop the release:\n- %s\n" (join "\n- " .)) }}{{ end }}
{{- end }}

{{- define "portable-lb.faultsOfService" -}}
{{- $given := list }}
{{- range $key := list "name" "loadBalancerClass" "ingressClassName" }}
{{- if get $.Values.service $key }}{{ $given = append $given (printf "service.%s" $key) }}{{ end }}
{{- end }}
{{- $faults := list }}
{{- if not $given }}
{{- $faults = append $faults "service: which Service is served? Set service.name to its name (or service.loadBalancerClass, or service.ingressClassName)" }}
{{- else if gt (len $given) 1 }}
{{- $faults = append $faults (printf "service: %s are set: exactly one of them tells which Service is served" (join " and " $given)) }}
{{- else if and (ne (first $given) "service.name") (eq .Values.endpoints.source "files") }}
{{- $faults = append $faults (printf "%s: needs endpoints.source kubernetes: with files set service.name" (first $given)) }}
{{- end }}
{{- toJson $faults }}
{{- end }}

{{- define "portable-lb.faultsOfPrefixes" -}}
{{- $faults := list }}
{{- $prefixes := .Values.vip.prefixes }}
{{- if not $prefixes }}
{{- $faults = append $faults "vip.prefixes: which addresses are announced? Set a list of one or more IPv4 prefixes, such as [203.0.113.0/28]" }}
{{- end }}
{{- range $prefix := $prefixes }}
{{- $first := include "portable-lb.addressNumber" (splitList "/" $prefix | first) | int64 }}
{{- if mod $first (include "portable-lb.prefixSize" $prefix | int64) }}
{{- $faults = append $faults (printf "vip.prefixes: %s has host bits: its address is not the first of the prefix" $prefix) }}
{{- end }}
{{- end }}
{{- range $i, $prefix := $prefixes }}
{{- range $other := slice $prefixes 0 $i }}
{{- if include "portable-lb.overlap" (list $prefix $other) }}
{{- $faults = append $faults (printf "vip.prefixes: %s overlaps %s: leave out the narrower one" $prefix $other) }}
{{- end }}
{{- end }}
{{- range $kept, $why := dict "0.0.0.0/8" "this network" "127.0.0.0/8" "loopback" "169.254.0.0/16" "link-local" "224.0.0.0/3" "multicast and reserved" }}
{{- if include "portable-lb.overlap" (list $prefix $kept) }}
{{- $faults = append $faults (printf "vip.prefixes: %s overlaps %s (%s), which no client can reach" $prefix $kept $why) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $address := .Values.vip.addresses }}
{{- $within := "" }}
{{- range $prefix := $prefixes }}
{{- $within = print $within (include "portable-lb.isWithin" (dict "address" $address "prefix" $prefix)) }}
{{- end }}
{{- if not $within }}
{{- $faults = append $faults (printf "vip.addresses: %s is in none of vip.prefixes" $address) }}
{{- end }}
{{- end }}
{{- toJson $faults }}
{{- end }}

{{- define "portable-lb.faultsOfBgp" -}}
{{- $faults := list }}
{{- if .Values.bgp.enabled }}
{{- if not .Values.bgp.localAS }}
{{- $faults = append $faults "bgp.localAS: is missing: set the AS number that LB pods and their peers have, such as 64512" }}
{{- end }}
{{- if not .Values.bgp.peers }}
{{- $faults = append $faults "bgp.peers: is missing: set a list of one or more reflectors or routers, such as [{ address: 10.0.0.251 }] or [{ host: route-reflector.lb.svc }] (or bgp.enabled: false)" }}
{{- end }}
{{- range $i, $peer := .Values.bgp.peers }}
{{- if eq (empty $peer.host) (empty $peer.address) }}
{{- $faults = append $faults (printf "bgp.peers[%d]: has %s: set exactly one of host (a DNS name) and address (IPv4)" $i (ternary "neither host nor address" "both host and address" (empty $peer.host))) }}
{{- end }}
{{- range $other := slice $.Values.bgp.peers 0 $i }}
{{- if eq ($peer.address | default (trimSuffix "." ($peer.host | default ""))) ($other.address | default (trimSuffix "." ($other.host | default ""))) }}
{{- $faults = append $faults (printf "bgp.peers[%d]: %s is there a second time: a peer is known by its address or name, whatever the port" $i ($peer.address | default $peer.host)) }}
{{- end }}
{{- end }}
{{- range $prefix := $.Values.vip.prefixes }}
{{- if and $peer.address (include "portable-lb.isWithin" (dict "address" $peer.address "prefix" $prefix)) }}
{{- $faults = append $faults (printf "bgp.peers[%d].address: %s is within the VIP prefix %s, which is local to each LB pod" $i $peer.address $prefix) }}
{{- end }}
{{- end }}
{{- if and $peer.peerAS $.Values.bgp.localAS (ne (int64 $peer.peerAS) (int64 $.Values.bgp.localAS)) }}
{{- $faults = append $faults (printf "bgp.peers[%d].peerAS: is %d, another AS than localAS %d: such sessions (eBGP) are not served yet" $i (int64 $peer.peerAS) (int64 $.Values.bgp.localAS)) }}
{{- end }}
{{- end }}
{{- if not (has .Values.bgp.nextHop (list "nodeIP" "podIP")) }}
{{- range $prefix := .Values.vip.prefixes }}
{{- if include "portable-lb.isWithin" (dict "address" $.Values.bgp.nextHop "prefix" $prefix) }}
{{- $faults = append $faults (printf "bgp.nextHop: %s is within the VIP prefix %s, which is local to each LB pod" $.Values.bgp.nextHop $prefix) }}
{{- end }}
{{- end }}
{{- end }}
{{- else }}
{{- if gt (int (.Values.replicaCount | default 0)) 1 }}
{{- $faults = append $faults (printf "replicaCount: is %d with bgp.enabled false: without BGP nobody spreads flows over several LB pods, so there is one" (int .Values.replicaCount)) }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- $faults = append $faults "autoscaling.enabled: is true with bgp.enabled false: without BGP nobody spreads flows over several LB pods, so there is one" }}
{{- end }}
{{- end }}
{{- toJson $faults }}
{{- end }}
