{{/* Names, labels and image. */}}

{{- define "node-router.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 48 characters, so that every name made of it stays within 63. */}}
{{- define "node-router.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else if contains (include "node-router.name" .) .Release.Name }}
{{- .Release.Name | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "node-router.name" .) | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Objects without a namespace need a name that no other release has. */}}
{{- define "node-router.clusterName" -}}
portable-lb:{{ .Release.Namespace }}:{{ include "node-router.fullname" . }}
{{- end }}

{{- define "node-router.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "node-router.fullname" .) }}
{{- end }}

{{- define "node-router.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "node-router.name" . }}
app.kubernetes.io/instance: {{ quote .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of the DaemonSet's pods only: the pod of the hook has another component. */}}
{{- define "node-router.selectorLabels" -}}
app.kubernetes.io/name: {{ include "node-router.name" . }}
app.kubernetes.io/instance: {{ quote .Release.Name }}
app.kubernetes.io/component: node-router
{{- end }}

{{- define "node-router.image" -}}
{{- $image := .Values.images.nodeRouter }}
{{- $name := ternary (printf "%s/%s" (trimSuffix "/" .Values.images.registry) $image.name) $image.name (ne .Values.images.registry "") }}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}
{{- else }}{{ $name }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Variables from fields of the pod: a list of NAME=field. */}}
{{- define "node-router.identity" -}}
{{- range . }}
{{- $parts := splitList "=" . }}
- { name: {{ first $parts }}, valueFrom: { fieldRef: { fieldPath: {{ last $parts }} } } }
{{- end }}
{{- end }}

{{/* What Kubernetes mounts by itself where automountServiceAccountToken is true, readable for its group only. */}}
{{- define "node-router.apiTokenVolume" -}}
name: api-token
projected:
  defaultMode: 0440
  sources:
    - serviceAccountToken: { path: token, expirationSeconds: 3607 }
    - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
    - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
{{- end }}

{{/* (dict "root" $ "name" … "weight" …): of one object of the hook; in the order of weights, taken away when it has succeeded */}}
{{- define "node-router.hookMetadata" }}
metadata:
  name: {{ .name }}
  namespace: {{ quote .root.Release.Namespace }}
  labels:
    {{- include "node-router.labels" .root | nindent 4 }}
    app.kubernetes.io/component: remove-routes
  annotations:
    helm.sh/hook: pre-delete
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
