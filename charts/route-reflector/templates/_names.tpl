{{/* Names, labels and image. */}}

{{- define "route-reflector.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 48 characters, so that every name made of it stays within 63. */}}
{{- define "route-reflector.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else if contains (include "route-reflector.name" .) .Release.Name }}
{{- .Release.Name | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "route-reflector.name" .) | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "route-reflector.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "route-reflector.podLabels" . }}
{{- end }}

{{/* Without the chart's version, which alone must not roll pods. */}}
{{- define "route-reflector.podLabels" -}}
{{ include "route-reflector.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "route-reflector.selectorLabels" -}}
app.kubernetes.io/name: {{ include "route-reflector.name" . }}
app.kubernetes.io/instance: {{ quote .Release.Name }}
{{ include "route-reflector.componentLabel" . }}
{{- end }}

{{/* What reflectors of every release have: no two of them share a node. */}}
{{- define "route-reflector.componentLabel" -}}
app.kubernetes.io/component: portable-lb-route-reflector
{{- end }}

{{- define "route-reflector.image" -}}
{{- $image := .Values.images.routeReflector }}
{{- $name := ternary (printf "%s/%s" (trimSuffix "/" .Values.images.registry) $image.name) $image.name (ne .Values.images.registry "") }}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}
{{- else }}{{ $name }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}
