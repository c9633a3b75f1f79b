{{/* Names, labels and images. */}}

{{- define "portable-lb.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 48 characters, so that every name made of it stays within 63. */}}
{{- define "portable-lb.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else if contains (include "portable-lb.name" .) .Release.Name }}
{{- .Release.Name | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "portable-lb.name" .) | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "portable-lb.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "portable-lb.fullname" .) }}
{{- end }}

{{- define "portable-lb.serviceNamespace" -}}
{{- .Values.service.namespace | default .Release.Namespace }}
{{- end }}

{{/* Of the Role beside the Service: releases of one name in several namespaces may serve Services of one. */}}
{{- define "portable-lb.roleName" -}}
{{- include "portable-lb.fullname" . }}
{{- if ne (include "portable-lb.serviceNamespace" .) .Release.Namespace }}.{{ .Release.Namespace }}{{ end }}
{{- end }}

{{/* The Service in words, for people. */}}
{{- define "portable-lb.serviceWords" -}}
{{- $namespace := include "portable-lb.serviceNamespace" . }}
{{- with .Values.service }}
{{- if .name }}{{ $namespace }}/{{ .name }}
{{- else if .loadBalancerClass }}the one of loadBalancerClass {{ .loadBalancerClass }} in {{ $namespace }}
{{- else }}the one behind the Ingress of class {{ .ingressClassName }} in {{ $namespace }}
{{- end }}
{{- end }}
{{- end }}

{{- define "portable-lb.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "portable-lb.podLabels" . }}
{{- end }}

{{/* Without the chart's version, which alone must not roll pods. */}}
{{- define "portable-lb.podLabels" -}}
app.kubernetes.io/name: {{ include "portable-lb.name" . }}
app.kubernetes.io/instance: {{ quote .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of the LB pods only: pods of tests and hooks have another component. */}}
{{- define "portable-lb.selectorLabels" -}}
app.kubernetes.io/name: {{ include "portable-lb.name" . }}
app.kubernetes.io/instance: {{ quote .Release.Name }}
app.kubernetes.io/component: lb
{{- end }}

{{/* (dict "root" $ "image" .Values.images.controller) */}}
{{- define "portable-lb.image" -}}
{{- $images := .root.Values.images }}
{{- $name := ternary (printf "%s/%s" (trimSuffix "/" $images.registry) .image.name) .image.name (ne $images.registry "") }}
{{- if .image.digest }}{{ $name }}@{{ .image.digest }}
{{- else }}{{ $name }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Empty with autoscaling: the autoscaler owns it then. */}}
{{- define "portable-lb.replicas" -}}
{{- if not .Values.autoscaling.enabled }}
{{- if kindIs "invalid" .Values.replicaCount }}{{ ternary 2 1 .Values.bgp.enabled }}
{{- else }}{{ int .Values.replicaCount }}
{{- end }}
{{- end }}
{{- end }}

{{/* Only where the API is read: nobody else gets a token. */}}
{{- define "portable-lb.usesApi" -}}
{{- if eq .Values.endpoints.source "kubernetes" }}true{{ end }}
{{- end }}
