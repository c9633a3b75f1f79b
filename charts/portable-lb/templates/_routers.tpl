{{/* For the operator of the router: configuration with the values of this release. */}}

{{/* Addresses that the router peers with: where peers are names, a word to fill in. */}}
{{- define "portable-lb.routerPeers" -}}
{{- $peers := list }}
{{- range .Values.bgp.peers }}
{{- if .address }}{{ $peers = append $peers .address }}
{{- else }}{{ $peers = append $peers (printf "ADDRESS-OF-%s" (.host | splitList "." | first | upper)) }}
{{- end }}
{{- end }}
{{- toJson $peers }}
{{- end }}

{{- define "portable-lb.birdSnippet" -}}
filter portable_lb { if net ~ [ {{ join ", " .Values.vip.prefixes }} ] then accept; reject; }
{{- range $i, $peer := include "portable-lb.routerPeers" . | fromJsonArray }}
protocol bgp portable_lb_{{ add1 $i }} {
  local as {{ int64 $.Values.bgp.localAS }};
  neighbor {{ $peer }} as {{ int64 $.Values.bgp.localAS }};
  hold time {{ int $.Values.bgp.holdSeconds }};
  ipv4 { import filter portable_lb; export none; add paths rx; gateway recursive; };
}
{{- end }}
protocol direct portable_lb_links { ipv4; }   # next-hops are looked up among its routes
# one protocol kernel to a table: where there is one, "merge paths on limit 64;" goes into that
protocol kernel { merge paths on limit 64; ipv4 { export where source = RTS_BGP; }; }
{{- end }}

{{- define "portable-lb.frrSnippet" -}}
{{- range $i, $prefix := .Values.vip.prefixes -}}
ip prefix-list portable-lb seq {{ mul 10 (add1 $i) }} permit {{ $prefix }}
{{ end -}}
ip prefix-list portable-lb-nothing seq 10 deny any
router bgp {{ int64 .Values.bgp.localAS }}
{{- range include "portable-lb.routerPeers" . | fromJsonArray }}
 neighbor {{ . }} remote-as {{ int64 $.Values.bgp.localAS }}
 neighbor {{ . }} timers {{ div $.Values.bgp.holdSeconds 3 }} {{ int $.Values.bgp.holdSeconds }}
{{- end }}
 address-family ipv4 unicast
  maximum-paths ibgp 64
{{- range include "portable-lb.routerPeers" . | fromJsonArray }}
  neighbor {{ . }} prefix-list portable-lb in
  neighbor {{ . }} prefix-list portable-lb-nothing out
{{- end }}
 exit-address-family
{{- end }}

{{- define "portable-lb.gobgpSnippet" -}}
{{- range include "portable-lb.routerPeers" . | fromJsonArray -}}
[[neighbors]]
[neighbors.config]
neighbor-address = "{{ . }}"
peer-as = {{ int64 $.Values.bgp.localAS }}
[neighbors.timers.config]
hold-time = {{ int $.Values.bgp.holdSeconds }}
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[neighbors.afi-safis.add-paths.config]
receive = true
{{ end -}}
[global.use-multiple-paths.config]
enabled = true
[zebra.config]   # routes into the kernel by FRR's zebra
enabled = true
url = "unix:/var/run/frr/zserv.api"
redistribute-route-type-list = []
{{- end }}
