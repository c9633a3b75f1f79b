{{/* The settings file: values of the same names, as common/settings has them. What is empty is left out, so that the
pair's own default counts. */}}

{{- define "portable-lb.settings" -}}
{{- $values := .Values }}
{{- $service := dict "namespace" (include "portable-lb.serviceNamespace" .) }}
{{- range $key := list "name" "loadBalancerClass" "ingressClassName" }}
{{- with get $values.service $key }}{{ $_ := set $service $key . }}{{ end }}
{{- end }}
{{- $vip := dict "prefixes" .Values.vip.prefixes "unmatched" .Values.vip.unmatched }}
{{- with .Values.vip.addresses }}{{ $_ := set $vip "addresses" . }}{{ end }}
{{- $healthCheck := omit .Values.healthCheck "http" "udp" }}
{{- range $key := list "http" "udp" }}
{{- with get $values.healthCheck $key }}{{ $_ := set $healthCheck $key . }}{{ end }}
{{- end }}
{{- $endpoints := dict "source" .Values.endpoints.source }}
{{- if eq .Values.endpoints.source "files" }}{{ $_ := set $endpoints "files" .Values.endpoints.files }}{{ end }}
{{- $settings := pick .Values "forwarding" "scheduler" "realServer" "drain" "lease" "health" }}
{{- $_ := merge $settings (dict "service" $service "vip" $vip "healthCheck" $healthCheck "endpoints" $endpoints) }}
{{- if .Values.bgp.enabled }}
{{- $peers := list }}
{{- range $i, $peer := .Values.bgp.peers }}
{{- $written := omit $peer "passwordSecret" }}
{{- $file := include "portable-lb.passwordFile" (dict "root" $ "peer" $peer "index" $i) }}
{{- if $file }}{{ $_ := set $written "passwordFile" $file }}{{ end }}
{{- $peers = append $peers $written }}
{{- end }}
{{- $_ := set $settings "bgp" (merge (dict "peers" $peers) (omit .Values.bgp "enabled" "passwordSecret" "peers")) }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{/* Where a peer's password is mounted; empty for a peer without one. */}}
{{- define "portable-lb.passwordFile" -}}
{{- if .peer.passwordSecret }}/etc/portable-lb-bgp/peer-{{ .index }}
{{- else if .root.Values.bgp.passwordSecret.name }}/etc/portable-lb-bgp/password
{{- end }}
{{- end }}

{{/* Sources of the projected volume of passwords; empty without any. */}}
{{- define "portable-lb.passwordSources" -}}
{{- with .Values.bgp.passwordSecret }}
{{- if .name }}
- secret:
    name: {{ .name }}
    items: [{ key: {{ .key }}, path: password }]
{{- end }}
{{- end }}
{{- range $i, $peer := .Values.bgp.peers }}
{{- with $peer.passwordSecret }}
- secret:
    name: {{ .name }}
    items: [{ key: {{ .key | default "password" }}, path: peer-{{ $i }} }]
{{- end }}
{{- end }}
{{- end }}
