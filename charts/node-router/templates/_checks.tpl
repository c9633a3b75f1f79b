{{/* What the schema cannot say: values that are missing, and values that do not agree. All sentences at once. */}}

{{- define "node-router.check" -}}
{{- $faults := list }}
{{- if not .Values.allowedPrefixes }}
{{- $faults = append $faults "allowedPrefixes: which prefixes may LB pods ask for? Set a list of one or more IPv4 prefixes, such as [203.0.113.0/24]" }}
{{- end }}
{{- $prefixes := list }}
{{- range $prefix := .Values.allowedPrefixes }}
{{- if regexMatch "^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])/(3[0-2]|[12]?[0-9])$" $prefix }}
{{- $prefixes = append $prefixes $prefix }}
{{- else }}
{{- $faults = append $faults (printf "allowedPrefixes: %q is not an IPv4 prefix (address/length, such as 203.0.113.0/24)" $prefix) }}
{{- end }}
{{- end }}
{{- range $i, $prefix := $prefixes }}
{{- $span := include "node-router.span" $prefix | fromJson }}
{{- if ne (int64 $span.first) (int64 $span.address) }}
{{- $faults = append $faults (printf "allowedPrefixes: %s has host bits: its address is not the first of the prefix" $prefix) }}
{{- end }}
{{- range $other := slice $prefixes 0 $i }}
{{- $former := include "node-router.span" $other | fromJson }}
{{- if and (le (int64 $span.first) (int64 $former.last)) (le (int64 $former.first) (int64 $span.last)) }}
{{- $faults = append $faults (printf "allowedPrefixes: %s overlaps %s: leave out the narrower one" $prefix $other) }}
{{- end }}
{{- end }}
{{- range $kept, $why := dict "0.0.0.0/8" "this network" "127.0.0.0/8" "loopback" "169.254.0.0/16" "link-local" "224.0.0.0/3" "multicast and reserved" }}
{{- $other := include "node-router.span" $kept | fromJson }}
{{- if and (le (int64 $span.first) (int64 $other.last)) (le (int64 $other.first) (int64 $span.last)) }}
{{- $faults = append $faults (printf "allowedPrefixes: %s overlaps %s (%s), which no client can reach" $prefix $kept $why) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- $faults = append $faults "serviceAccount.name: is missing: with create: false name the ServiceAccount to use" }}
{{- end }}
{{- with $faults }}{{ fail (printf "\n\nThese values stop the release:\n- %s\n" (join "\n- " .)) }}{{ end }}
{{- end }}

{{/* An IPv4 prefix in numbers: its address, the first of its network, the last. */}}
{{- define "node-router.span" -}}
{{- $parts := splitList "/" . }}
{{- $bytes := first $parts | splitList "." }}
{{- $address := add (mul (index $bytes 0 | int64) 16777216) (mul (index $bytes 1 | int64) 65536) (mul (index $bytes 2 | int64) 256) (index $bytes 3 | int64) }}
{{- $size := 1 }}
{{- range until (sub 32 (last $parts | int64) | int) }}{{ $size = mul $size 2 }}{{ end }}
{{- $first := sub $address (mod $address $size) }}
{{- dict "address" ($address | toString) "first" ($first | toString) "last" (sub (add $first $size) 1 | toString) | toJson }}
{{- end }}
