{{/* Arithmetic of IPv4 prefixes. The schema has seen that they have the shape of one. */}}

{{- define "portable-lb.addressNumber" -}}
{{- $bytes := splitList "." . }}
{{- add (mul (index $bytes 0 | int64) 16777216) (mul (index $bytes 1 | int64) 65536) (mul (index $bytes 2 | int64) 256) (index $bytes 3 | int64) }}
{{- end }}

{{- define "portable-lb.prefixSize" -}}
{{- $size := 1 }}
{{- range until (sub 32 (splitList "/" . | last | int64) | int) }}{{ $size = mul $size 2 }}{{ end }}
{{- $size }}
{{- end }}

{{/* Something when the address is within the prefix: (dict "address" … "prefix" …) */}}
{{- define "portable-lb.isWithin" -}}
{{- $first := include "portable-lb.addressNumber" (splitList "/" .prefix | first) | int64 }}
{{- $size := include "portable-lb.prefixSize" .prefix | int64 }}
{{- $address := include "portable-lb.addressNumber" .address | int64 }}
{{- if and (ge $address $first) (lt $address (add $first $size)) }}true{{ end }}
{{- end }}

{{/* Something when one of two prefixes is within the other: (list … …) */}}
{{- define "portable-lb.overlap" -}}
{{- $one := splitList "/" (first .) | first }}
{{- $other := splitList "/" (last .) | first }}
{{- include "portable-lb.isWithin" (dict "address" $one "prefix" (last .)) }}{{ include "portable-lb.isWithin" (dict "address" $other "prefix" (first .)) }}
{{- end }}

{{/* The first usable address: the second of a prefix, of /31 and /32 the first. */}}
{{- define "portable-lb.firstAddress" -}}
{{- $parts := splitList "/" . }}
{{- $bytes := first $parts | splitList "." }}
{{- if gt (last $parts | int) 30 }}{{ first $parts }}
{{- else }}{{ printf "%s.%s.%s.%d" (index $bytes 0) (index $bytes 1) (index $bytes 2) (index $bytes 3 | int | add1) }}
{{- end }}
{{- end }}

{{/* The VIP that people are told of, and that the test asks. */}}
{{- define "portable-lb.firstVip" -}}
{{- if .Values.vip.addresses }}{{ first .Values.vip.addresses }}
{{- else }}{{ include "portable-lb.firstAddress" (first .Values.vip.prefixes) }}
{{- end }}
{{- end }}
