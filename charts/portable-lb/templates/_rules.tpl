{{/* What the controller may do in the Service's namespace, by how the Service is found. By name it sees that one only:
a list or watch with the field selector metadata.name is granted by resourceNames. */}}

{{- define "portable-lb.rules" -}}
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch]
  {{- include "portable-lb.onlyService" . }}
{{ include "portable-lb.statusRule" . }}
{{- if .Values.service.ingressClassName }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list, watch]
{{- end }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* For the hook, which looks once. */}}
{{- define "portable-lb.clearStatusRules" -}}
- apiGroups: [""]
  resources: [services]
  verbs: {{ ternary "[get, list]" "[get]" (ne .Values.service.loadBalancerClass "") }}
  {{- include "portable-lb.onlyService" . }}
{{ include "portable-lb.statusRule" . }}
{{- if .Values.service.ingressClassName }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list]
{{- end }}
{{- end }}

{{- define "portable-lb.statusRule" -}}
- apiGroups: [""]
  resources: [services/status]
  verbs: [patch]
  {{- include "portable-lb.onlyService" . }}
{{- end }}

{{- define "portable-lb.onlyService" -}}
{{- with .Values.service.name }}
  resourceNames: [{{ quote . }}]
{{- end }}
{{- end }}
