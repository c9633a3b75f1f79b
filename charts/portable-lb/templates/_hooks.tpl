{{/* What the pods of hooks and tests have in common: nobody, no capability, a token of the API. */}}

{{- define "portable-lb.hookLabels" -}}
{{ include "portable-lb.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* (dict "root" $ "hook" "test" "weight" 0): in the order of weights, taken away when it has succeeded */}}
{{- define "portable-lb.hookAnnotations" -}}
helm.sh/hook: {{ .hook }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* ServiceAccount and rights of a hook, all of one name, since "helm test --logs" asks for a pod of each hook's name: (dict "root" $ "component" … "hook" … "roles" (list (dict "namespace" … "rules" …))) */}}
{{- define "portable-lb.hookRights" -}}
{{- $name := printf "%s-%s" (include "portable-lb.fullname" .root) .component }}
{{- $labels := include "portable-lb.hookLabels" . | nindent 4 }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ quote .root.Release.Namespace }}
  labels:
    {{- $labels }}
  annotations:
    {{- include "portable-lb.hookAnnotations" (dict "hook" .hook "weight" -5) | nindent 4 }}
automountServiceAccountToken: false
{{- range .roles }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ quote .namespace }}
  labels:
    {{- $labels }}
  annotations:
    {{- include "portable-lb.hookAnnotations" (dict "hook" $.hook "weight" -5) | nindent 4 }}
rules:
  {{- .rules | trim | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ quote .namespace }}
  labels:
    {{- $labels }}
  annotations:
    {{- include "portable-lb.hookAnnotations" (dict "hook" $.hook "weight" -4) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - { kind: ServiceAccount, name: {{ $name }}, namespace: {{ quote $.root.Release.Namespace }} }
{{- end }}
{{- end }}

{{/* The pod of a hook, up to its containers: (dict "root" $ "component" …) */}}
{{- define "portable-lb.hookPodSpec" -}}
restartPolicy: Never
serviceAccountName: {{ include "portable-lb.fullname" .root }}-{{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsUser: 65532
  runAsGroup: 65532
  runAsNonRoot: true
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "portable-lb.hookContainer" -}}
name: {{ .component }}
image: {{ include "portable-lb.image" (dict "root" .root "image" .root.Values.images.controller) }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources:
  requests: { cpu: 10m, memory: 64Mi }
  limits: { memory: 256Mi }
{{- end }}
