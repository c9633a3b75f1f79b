{{/* What the controller may do in the Service's namespace, by how the Service is found. By name it sees that one only:
a list or watch with the field selector metadata.name is granted by resourceNames. */}}

{{- define "portable-lb.serviceRules" -}}
{{- $names := "" }}
{{- with .Values.service.name }}{{ $names = printf "resourceNames: [%q]" . }}{{ end }}
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch]
  {{- with $names }}
  {{ . }}
  {{- end }}
- apiGroups: [""]
  resources: [services/status]
  verbs: [get, update, patch]
  {{- with $names }}
  {{ . }}
  {{- end }}
{{- if .Values.service.ingressClassName }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch]
{{- end }}
{{- end }}

{{- define "portable-lb.rules" -}}
{{ include "portable-lb.serviceRules" . }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
