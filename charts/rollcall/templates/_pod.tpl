{{/* The pods of the server, without their indentation. */}}
{{- define "rollcall.pod" -}}
metadata:
  labels:
    {{- include "rollcall.podLabels" . | nindent 4 }}
  {{- $annotations := deepCopy .Values.podAnnotations }}
  {{- with include "rollcall.configText" . }}
  {{- /* A new configuration means new pods, one after the other. */}}
  {{- $_ := set $annotations "checksum/config" (sha256sum .) }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "rollcall.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
  {{- /* Or a Service called "metrics" would set METRICS_PORT. */}}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "rollcall.terminationGracePeriodSeconds" . }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "rollcall.imagePullSecrets" . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if not (kindIs "invalid" .Values.hostUsers) }}
  hostUsers: {{ .Values.hostUsers }}
  {{- end }}
  {{- range $name := list "priorityClassName" "schedulerName" "runtimeClassName" "dnsPolicy" }}
  {{- with get $.Values $name }}
  {{ $name }}: {{ . }}
  {{- end }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: rollcall
      image: {{ include "rollcall.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- if include "rollcall.hasFile" . }}
        - --config.file=/etc/rollcall/{{ .Values.configKey }}
        {{- end }}
        - --web.listen-address={{ .Values.web.listenAddress }}:{{ .Values.containerPort }}
        - --web.drain-delay={{ .Values.web.drainDelaySeconds }}s
        - --web.shutdown-timeout={{ .Values.web.shutdownTimeoutSeconds }}s
        {{- with .Values.web.externalUrl }}
        - {{ printf "--web.external-url=%s" . | quote }}
        {{- end }}
        {{- if .Values.web.enableLifecycle }}
        - --web.enable-lifecycle
        {{- end }}
        {{- if .Values.web.disableExplain }}
        - --web.disable-explain
        {{- end }}
        {{- if .Values.web.configSecret }}
        - --web.config.file=/etc/rollcall-web/{{ .Values.web.configKey }}
        {{- end }}
        - --storage.path=/data
        {{- with .Values.history.retention }}
        - --storage.history.retention.time={{ .time }}
        - --storage.history.retention.size={{ .size }}
        {{- end }}
        - --log.level={{ .Values.log.level }}
        - --log.format={{ .Values.log.format }}
        {{- range .Values.extraArgs }}
        - {{ . | quote }}
        {{- end }}
      {{- $env := include "rollcall.env" . }}
      {{- $named := list }}
      {{- range .Values.extraEnv }}
      {{- $named = append $named .name }}
      {{- end }}
      {{- if and (include "rollcall.isCluster" .) (not (has "POD_NAME" $named)) }}
      {{- $env = printf "%s\n- name: POD_NAME\n  valueFrom:\n    fieldRef:\n      fieldPath: metadata.name" $env }}
      {{- end }}
      {{- if or (trim $env) .Values.extraEnv }}
      env:
        {{- with trim $env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ .Values.containerPort }}
          protocol: TCP
      {{- $lifecycle := deepCopy .Values.lifecycle }}
      {{- if and (gt (int .Values.preStopSleepSeconds) 0) (not $lifecycle.preStop) }}
      {{- $_ := set $lifecycle "preStop" (dict "sleep" (dict "seconds" (int .Values.preStopSleepSeconds))) }}
      {{- end }}
      {{- with $lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $name := list "startupProbe" "livenessProbe" "readinessProbe" "resources" "securityContext" }}
      {{- with get $.Values $name }}
      {{- $part := deepCopy . }}
      {{- if and $.Values.web.tls (hasSuffix "Probe" $name) (hasKey $part "httpGet") (not (dig "httpGet" "scheme" "" $part)) }}
      {{- $_ := set $part.httpGet "scheme" "HTTPS" }}
      {{- end }}
      {{ $name }}:
        {{- toYaml $part | nindent 8 }}
      {{- end }}
      {{- end }}
      volumeMounts:
        - name: data
          mountPath: /data
        {{- if .Values.cluster.enabled }}
        - name: cluster
          mountPath: /etc/rollcall-cluster
          readOnly: true
        {{- end }}
        {{- if .Values.web.configSecret }}
        - name: web
          mountPath: /etc/rollcall-web
          readOnly: true
        {{- end }}
        {{- if include "rollcall.hasFile" . }}
        - name: config
          mountPath: /etc/rollcall
          readOnly: true
        {{- end }}
        {{- range $index, $name := .Values.secrets }}
        - name: secret-{{ $index }}
          mountPath: /etc/rollcall-secrets/{{ $name }}
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "rollcall.volumes" . | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $constraint := deepCopy . }}
    {{- if not $constraint.labelSelector }}
    {{- $_ := set $constraint "labelSelector" (dict "matchLabels" (include "rollcall.selectorLabels" $ | fromYaml)) }}
    {{- end }}
    - {{ toYaml $constraint | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  {{- range $name := list "nodeSelector" "tolerations" "affinity" "hostAliases" "dnsConfig" }}
  {{- with get $.Values $name }}
  {{ $name }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "rollcall.volumes" -}}
{{- $origin := include "rollcall.origin" . -}}
{{- with .Values.persistence }}
{{- if not .enabled }}
- name: data
  emptyDir:
    {{- toYaml (default dict .emptyDir) | nindent 4 }}
{{- else if .existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .existingClaim }}
{{- end }}
{{- /* Else each pod has a claim of its own, which the StatefulSet makes. */}}
{{- end }}
{{- if include "rollcall.hasFile" . }}
- name: config
  {{- if or (eq $origin "existingSecret") .Values.configAsSecret }}
  secret:
    secretName: {{ default (include "rollcall.configName" .) .Values.existingSecret }}
    defaultMode: 288 # 0440
  {{- else }}
  configMap:
    name: {{ default (include "rollcall.configName" .) .Values.existingConfigMap }}
  {{- end }}
{{- end }}
{{- if .Values.cluster.enabled }}
{{- include "rollcall.clusterVolume" . | nindent 0 }}
{{- end }}
{{- with .Values.web.configSecret }}
- name: web
  secret:
    secretName: {{ . }}
    defaultMode: 288 # 0440
{{- end }}
{{- range $index, $name := .Values.secrets }}
- name: secret-{{ $index }}
  secret:
    secretName: {{ $name }}
    defaultMode: 288 # 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}
