{{/* The LB pod: controller and sidecar are two ordinary containers, since both must get SIGTERM at once (a native
sidecar gets it only after the controller is gone, and would withdraw when nobody forwards any more). */}}

{{- define "portable-lb.podSpec" -}}
serviceAccountName: {{ include "portable-lb.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
# the sidecar withdraws, flows have drain.seconds to end, and 10 s are for the rest
terminationGracePeriodSeconds: {{ add .Values.drain.seconds 10 }}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpread }}
{{- if .enabled }}
topologySpreadConstraints:
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ int .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    # nodes where no LB pod may run do not count as empty
    nodeTaintsPolicy: Honor
    # each revision by itself, so that a surge finds room beside the old one
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "portable-lb.selectorLabels" $ | nindent 8 }}
{{- end }}
{{- end }}
securityContext:
  # the group that both containers share, for the directory between them
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
  {{- if eq .Values.sysctls.method "podSecurityContext" }}
  sysctls:
    {{- range $name, $value := .Values.sysctls.values }}
    - { name: {{ $name }}, value: {{ $value | toString | quote }} }
    {{- end }}
  {{- end }}
{{- if eq .Values.sysctls.method "initContainer" }}
initContainers:
  - {{ include "portable-lb.sysctlContainer" . | indent 4 | trim }}
{{- end }}
containers:
  - {{ include "portable-lb.controllerContainer" . | indent 4 | trim }}
  {{- if .Values.bgp.enabled }}
  - {{ include "portable-lb.sidecarContainer" . | indent 4 | trim }}
  {{- end }}
volumes:
  {{- include "portable-lb.volumes" . | nindent 2 }}
{{- end }}

{{/* Ends before any other container starts. Only a privileged container has a /proc/sys that can be written. ipvsadm
comes first, since asking for IPVS makes the kernel load it, and net.ipv4.vs is not there before. What this kernel does
not have is passed over here (-e): the controller tells of it in its own words. */}}
{{- define "portable-lb.sysctlContainer" -}}
name: sysctls
image: {{ include "portable-lb.image" (dict "root" . "image" .Values.images.controller) }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
command:
  - node
  - --eval
  - |
    const { spawnSync } = require('node:child_process');
    spawnSync('ipvsadm', ['-Ln']);
    const { status, error } = spawnSync('sysctl', ['-e', '-w', ...process.argv.slice(1)], { stdio: 'inherit' });
    if (error) console.error(`sysctl: ${error.message}`);
    process.exitCode = status ?? 1;
  {{- range $name, $value := .Values.sysctls.values }}
  - {{ printf "%s=%s" $name (toString $value) }}
  {{- end }}
securityContext:
  privileged: true
  runAsUser: 0
  runAsGroup: 0
  readOnlyRootFilesystem: true
resources:
  requests: { cpu: 10m, memory: 64Mi }
  limits: { memory: 128Mi }
{{- end }}

{{- define "portable-lb.controllerContainer" -}}
name: controller
image: {{ include "portable-lb.image" (dict "root" . "image" .Values.images.controller) }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
{{- if ne .Values.controller.interface "eth0" }}
args: [--interface, {{ quote .Values.controller.interface }}]
{{- end }}
env:
  {{- include "portable-lb.identity" (list "POD_NAME=metadata.name" "POD_IP=status.podIP" "POD_NAMESPACE=metadata.namespace" "POD_UID=metadata.uid" "NODE_NAME=spec.nodeName") | trim | nindent 2 }}
  # what the pod was made with: settings reach it that are for those that replace it
  - { name: VIP_PREFIXES, value: {{ join "," .Values.vip.prefixes | quote }} }
  - { name: HEALTH_PORT, value: {{ int .Values.health.controllerPort | quote }} }
  {{- with .Values.controller.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - { name: health, containerPort: {{ int .Values.health.controllerPort }}, protocol: TCP }
{{- include "portable-lb.probes" (dict "probes" .Values.probes "port" "health") }}
# user 0, since Kubernetes gives capabilities to no other user
securityContext:
  runAsUser: 0
  runAsGroup: 0
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
    add: {{ ternary "[NET_ADMIN, NET_RAW]" "[NET_ADMIN]" .Values.netRaw }}
resources:
  {{- toYaml .Values.controller.resources | nindent 2 }}
volumeMounts:
  - { name: settings, mountPath: /etc/portable-lb, readOnly: true }
  - { name: templates, mountPath: /etc/portable-lb/templates, readOnly: true }
  # keepalived's files, and the lock of iptables-legacy
  - { name: run-controller, mountPath: /run }
  - { name: shared, mountPath: /run/portable-lb }
  {{- if include "portable-lb.usesApi" . }}
  - { name: api-token, mountPath: /run/secrets/kubernetes.io/serviceaccount, readOnly: true }
  {{- end }}
  {{- with .Values.controller.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "portable-lb.sidecarContainer" -}}
name: bgp-sidecar
image: {{ include "portable-lb.image" (dict "root" . "image" .Values.images.bgpSidecar) }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
env:
  {{- include "portable-lb.identity" (list "POD_NAME=metadata.name" "POD_IP=status.podIP" "NODE_NAME=spec.nodeName" "NODE_IP=status.hostIP") | trim | nindent 2 }}
  - { name: HEALTH_PORT, value: {{ int .Values.health.sidecarPort | quote }} }
  {{- with .Values.bgpSidecar.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - { name: health-bgp, containerPort: {{ int .Values.health.sidecarPort }}, protocol: TCP }
{{- include "portable-lb.probes" (dict "probes" .Values.probes "port" "health-bgp") }}
securityContext:
  runAsUser: 65532
  runAsGroup: 65532
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .Values.bgpSidecar.resources | nindent 2 }}
volumeMounts:
  - { name: settings, mountPath: /etc/portable-lb, readOnly: true }
  - { name: run-sidecar, mountPath: /run/bgp-sidecar }
  - { name: shared, mountPath: /run/portable-lb }
  {{- if include "portable-lb.passwordSources" . }}
  - { name: bgp-passwords, mountPath: /etc/portable-lb-bgp, readOnly: true }
  {{- end }}
  {{- with .Values.bgpSidecar.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Variables from fields of the pod: a list of NAME=field. */}}
{{- define "portable-lb.identity" -}}
{{- range . }}
{{- $parts := splitList "=" . }}
- { name: {{ first $parts }}, valueFrom: { fieldRef: { fieldPath: {{ last $parts }} } } }
{{- end }}
{{- end }}

{{- define "portable-lb.probes" -}}
{{- $port := .port }}
{{- range $kind, $path := dict "readiness" "/readyz" "liveness" "/livez" }}
{{ $kind }}Probe:
  httpGet: { path: {{ $path }}, port: {{ $port }} }
  {{- toYaml (get $.probes $kind) | nindent 2 }}
{{- end }}
{{- end }}

{{- define "portable-lb.volumes" -}}
- name: settings
  configMap: { name: {{ include "portable-lb.fullname" . }} }
- name: templates
  configMap:
    name: {{ .Values.templates.existingConfigMap | default (printf "%s-templates" (include "portable-lb.fullname" .)) }}
    optional: true
# lease and state, between the two containers
- name: shared
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
- name: run-controller
  emptyDir: { medium: Memory, sizeLimit: 64Mi }
{{- if .Values.bgp.enabled }}
- name: run-sidecar
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
{{- with include "portable-lb.passwordSources" . }}
- name: bgp-passwords
  projected:
    defaultMode: 0440
    sources:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- end }}
{{- if include "portable-lb.usesApi" . }}
{{- include "portable-lb.apiTokenVolume" . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What Kubernetes mounts by itself into every container, here for the one that needs it. */}}
{{- define "portable-lb.apiTokenVolume" }}
- name: api-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3607 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
      - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
{{- end }}
