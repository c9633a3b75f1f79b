{{/* For the operator of the router: configuration with the values of this release. */}}

{{- define "route-reflector.birdSnippet" -}}
filter portable_lb { if net ~ [ {{ range $i, $prefix := .Values.bgp.allowedPrefixes }}{{ if $i }}, {{ end }}{{ $prefix }}+{{ end }} ] then accept; reject; }
{{- range $i, $nodes := .Values.bgp.nodeCIDRs }}
protocol bgp portable_lb_{{ add1 $i }} {
  local as {{ int64 $.Values.bgp.localAS }};
  neighbor range {{ $nodes }} as {{ int64 $.Values.bgp.localAS }};   # or one protocol per node: neighbor ADDRESS as …
  dynamic name "reflector";
  passive;
  hold time {{ int $.Values.bgp.holdSeconds }};
  ipv4 { import filter portable_lb; export none; add paths rx; gateway recursive; };
}
{{- end }}
protocol direct portable_lb_links { ipv4; }   # next-hops are looked up among its routes
# one protocol kernel to a table: where there is one, "merge paths on limit {{ int .Values.bgp.maxPaths }};" goes into that
protocol kernel { merge paths on limit {{ int .Values.bgp.maxPaths }}; ipv4 { export where source = RTS_BGP; }; }
{{- end }}

{{- define "route-reflector.frrSnippet" -}}
{{- range $i, $prefix := .Values.bgp.allowedPrefixes -}}
ip prefix-list portable-lb seq {{ mul 10 (add1 $i) }} permit {{ $prefix }} {{ if not (hasSuffix "/32" $prefix) }}le 32{{ end }}
{{ end -}}
ip prefix-list portable-lb-nothing seq 10 deny any
router bgp {{ int64 .Values.bgp.localAS }}
 neighbor reflectors peer-group
 neighbor reflectors remote-as {{ int64 .Values.bgp.localAS }}
 neighbor reflectors passive
 neighbor reflectors timers {{ div .Values.bgp.holdSeconds 3 }} {{ int .Values.bgp.holdSeconds }}
{{- range .Values.bgp.nodeCIDRs }}
 bgp listen range {{ . }} peer-group reflectors
{{- end }}
 address-family ipv4 unicast
  maximum-paths ibgp {{ int .Values.bgp.maxPaths }}
  neighbor reflectors prefix-list portable-lb in
  neighbor reflectors prefix-list portable-lb-nothing out
 exit-address-family
{{- end }}

{{- define "route-reflector.gobgpSnippet" -}}
[[peer-groups]]
[peer-groups.config]
peer-group-name = "reflectors"
peer-as = {{ int64 .Values.bgp.localAS }}
[peer-groups.timers.config]
hold-time = {{ int .Values.bgp.holdSeconds }}
[peer-groups.transport.config]
passive-mode = true
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[peer-groups.afi-safis.add-paths.config]
receive = true
{{- range .Values.bgp.nodeCIDRs }}
[[dynamic-neighbors]]
[dynamic-neighbors.config]
prefix = "{{ . }}"
peer-group = "reflectors"
{{- end }}
[global.use-multiple-paths.config]
enabled = true
[zebra.config]   # routes into the kernel by FRR's zebra
enabled = true
url = "unix:/var/run/frr/zserv.api"
redistribute-route-type-list = []
{{- end }}
