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
{{- range $peer := .Values.bgp.peers }}
{{- $written := omit $peer "passwordSecret" }}
{{- $file := include "portable-lb.passwordFile" (dict "root" $ "peer" $peer) }}
{{- if $file }}{{ $_ := set $written "passwordFile" $file }}{{ end }}
{{- $peers = append $peers $written }}
{{- end }}
{{- $_ := set $settings "bgp" (merge (dict "peers" $peers) (omit .Values.bgp "enabled" "passwordSecret" "peers")) }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{/* Where a peer's password is mounted; empty for a peer without one. Named by Secret and key: settings reach pods that
are about to be replaced too, and what these do not have is refused there, so that their sessions stay. Behind a name by
position they would find another peer's password. */}}
{{- define "portable-lb.passwordFile" -}}
{{- $secret := .peer.passwordSecret | default .root.Values.bgp.passwordSecret }}
{{- if $secret.name }}/etc/portable-lb-bgp/{{ include "portable-lb.passwordName" $secret }}{{ end }}
{{- end }}

{{- define "portable-lb.passwordName" -}}
{{ .name }}/{{ .key | default "password" }}
{{- end }}

{{/* Sources of the projected volume of passwords, each once; empty without any. */}}
{{- define "portable-lb.passwordSources" -}}
{{- $seen := dict }}
{{- range prepend .Values.bgp.peers (dict "passwordSecret" .Values.bgp.passwordSecret) }}
{{- with .passwordSecret }}
{{- if and .name (not (hasKey $seen (include "portable-lb.passwordName" .))) }}
{{- $_ := set $seen (include "portable-lb.passwordName" .) true }}
- secret:
    name: {{ .name }}
    items: [{ key: {{ .key | default "password" }}, path: {{ include "portable-lb.passwordName" . }} }]
{{- end }}
{{- end }}
{{- end }}
{{- end }}
