{{/*
GoBGP's configuration. LB pods call (a passive peer group for all of the pods' addresses), routers are called. What LB
pods may announce is decided at import, where it also stays out of what `gobgp global rib` shows; routers get every path
of it (add-path), and LB pods get nothing. No graceful restart: with it a router would keep dead next-hops.
*/}}
{{- define "route-reflector.gobgp" -}}
{{- $keepalive := div .Values.bgp.holdSeconds 3 -}}
[global.config]
as = {{ int64 .Values.bgp.localAS }}
router-id = "@POD_IP@"
port = 179
local-address-list = ["@POD_IP@"]

[global.apply-policy.config]
import-policy-list = ["from-lb-pods"]
default-import-policy = "reject-route"
export-policy-list = ["to-routers"]
default-export-policy = "reject-route"

[[defined-sets.prefix-sets]]
prefix-set-name = "allowed"
{{- range .Values.bgp.allowedPrefixes }}
[[defined-sets.prefix-sets.prefix-list]]
ip-prefix = "{{ . }}"
masklength-range = "{{ splitList "/" . | last }}..32"
{{- end }}

[[defined-sets.neighbor-sets]]
neighbor-set-name = "lb-pods"
neighbor-info-list = {{ toJson .Values.bgp.podCIDRs }}

[[defined-sets.neighbor-sets]]
neighbor-set-name = "routers"
neighbor-info-list = [{{ range $i, $router := .Values.bgp.routers }}{{ if $i }}, {{ end }}"{{ $router.address }}"{{ end }}]

[[policy-definitions]]
name = "from-lb-pods"
[[policy-definitions.statements]]
name = "allowed-prefix-with-known-next-hop"
[policy-definitions.statements.conditions.match-neighbor-set]
neighbor-set = "lb-pods"
match-set-options = "any"
[policy-definitions.statements.conditions.match-prefix-set]
prefix-set = "allowed"
match-set-options = "any"
[policy-definitions.statements.conditions.bgp-conditions]
next-hop-in-list = {{ concat .Values.bgp.nodeCIDRs .Values.bgp.podCIDRs | toJson }}
[policy-definitions.statements.actions]
route-disposition = "accept-route"

[[policy-definitions]]
name = "to-routers"
[[policy-definitions.statements]]
name = "allowed-prefix"
[policy-definitions.statements.conditions.match-neighbor-set]
neighbor-set = "routers"
match-set-options = "any"
[policy-definitions.statements.conditions.match-prefix-set]
prefix-set = "allowed"
match-set-options = "any"
[policy-definitions.statements.actions]
route-disposition = "accept-route"

[[peer-groups]]
[peer-groups.config]
peer-group-name = "lb-pods"
peer-as = {{ int64 .Values.bgp.localAS }}
{{- if .Values.bgp.passwordSecret.name }}
auth-password = @PASSWORD@
{{- end }}
[peer-groups.timers.config]
hold-time = {{ int .Values.bgp.holdSeconds }}
keepalive-interval = {{ $keepalive }}
[peer-groups.transport.config]
passive-mode = true
local-address = "@POD_IP@"
[peer-groups.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "@POD_IP@"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[peer-groups.afi-safis.prefix-limit.config]
max-prefixes = {{ int .Values.bgp.maxPrefixesPerPod }}
{{- range .Values.bgp.podCIDRs }}

[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "{{ . }}"
peer-group = "lb-pods"
{{- end }}
{{- range .Values.bgp.routers }}

[[neighbors]]
[neighbors.config]
neighbor-address = "{{ .address }}"
peer-as = {{ int64 $.Values.bgp.localAS }}
[neighbors.timers.config]
hold-time = {{ int $.Values.bgp.holdSeconds }}
keepalive-interval = {{ $keepalive }}
connect-retry = {{ int $.Values.bgp.connectRetrySeconds }}
idle-hold-time-after-reset = 1
[neighbors.transport.config]
local-address = "@POD_IP@"
remote-port = {{ .port | default 179 | int }}
[neighbors.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "@POD_IP@"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[neighbors.afi-safis.add-paths.config]
send-max = {{ int $.Values.bgp.maxPaths }}
{{- end }}
{{- end }}
