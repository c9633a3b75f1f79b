{{/* What the schema cannot say: values that are missing, and values that do not agree. All sentences at once. */}}

{{- define "route-reflector.check" -}}
{{- $faults := list }}
{{- with .Values.bgp }}
{{- if not .localAS }}
{{- $faults = append $faults "bgp.localAS: is missing: set the AS number that LB pods, reflectors and routers have, such as 64512" }}
{{- end }}
{{- if not .podCIDRs }}
{{- $faults = append $faults "bgp.podCIDRs: which addresses have pods? Set the cluster's pod network, such as [10.42.0.0/16]" }}
{{- end }}
{{- if not .nodeCIDRs }}
{{- $faults = append $faults "bgp.nodeCIDRs: which addresses have nodes? Set their network, such as [10.0.0.0/24]" }}
{{- end }}
{{- if not .allowedPrefixes }}
{{- $faults = append $faults "bgp.allowedPrefixes: which prefixes may LB pods announce? Set a list of one or more IPv4 prefixes, such as [203.0.113.0/24]" }}
{{- end }}
{{- if not .routers }}
{{- $faults = append $faults "bgp.routers: whom are the prefixes for? Set a list of one or more routers, such as [{ address: 10.0.0.254 }]" }}
{{- end }}
{{- range $key := list "podCIDRs" "nodeCIDRs" "allowedPrefixes" }}
{{- range $prefix := get $.Values.bgp $key }}
{{- $span := include "route-reflector.span" $prefix | fromJson }}
{{- if ne (int64 $span.first) (int64 $span.address) }}
{{- $faults = append $faults (printf "bgp.%s: %s has host bits: its address is not the first of the prefix" $key $prefix) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $prefix := .allowedPrefixes }}
{{- $span := include "route-reflector.span" $prefix | fromJson }}
{{- range $key := list "podCIDRs" "nodeCIDRs" }}
{{- range $other := get $.Values.bgp $key }}
{{- $theirs := include "route-reflector.span" $other | fromJson }}
{{- if and (le (int64 $span.first) (int64 $theirs.last)) (le (int64 $theirs.first) (int64 $span.last)) }}
{{- $faults = append $faults (printf "bgp.allowedPrefixes: %s overlaps %s of bgp.%s: an LB pod could draw traffic for pods or nodes to itself" $prefix $other $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $router := .routers }}
{{- $address := include "route-reflector.span" (printf "%s/32" $router.address) | fromJson }}
{{- range $cidr := $.Values.bgp.podCIDRs }}
{{- $pods := include "route-reflector.span" $cidr | fromJson }}
{{- if and (ge (int64 $address.first) (int64 $pods.first)) (le (int64 $address.first) (int64 $pods.last)) }}
{{- $faults = append $faults (printf "bgp.routers: %s is in %s of bgp.podCIDRs: what it announces would count as an LB pod's" $router.address $cidr) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with $faults }}{{ fail (printf "\n\nThese values stop the release:\n- %s\n" (join "\n- " .)) }}{{ end }}
{{- end }}

{{/* An IPv4 prefix in numbers: its address, the first of its network, the last. */}}
{{- define "route-reflector.span" -}}
{{- $parts := splitList "/" . }}
{{- $bytes := first $parts | splitList "." }}
{{- $address := add (mul (index $bytes 0 | int64) 16777216) (mul (index $bytes 1 | int64) 65536) (mul (index $bytes 2 | int64) 256) (index $bytes 3 | int64) }}
{{- $size := 1 }}
{{- range until (sub 32 (last $parts | int64) | int) }}{{ $size = mul $size 2 }}{{ end }}
{{- $first := sub $address (mod $address $size) }}
{{- dict "address" ($address | toString) "first" ($first | toString) "last" (sub (add $first $size) 1 | toString) | toJson }}
{{- end }}
