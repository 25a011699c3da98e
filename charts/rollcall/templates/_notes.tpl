{{- define "rollcall.curlFlags" -}}
{{- if .Values.web.tls }} --insecure{{ end }}{{ if .Values.web.configSecret }} --user NAME{{ end }}
{{- end -}}

{{/* What `helm install` prints. */}}
{{- define "rollcall.notes" -}}
{{- $url := include "rollcall.url" . -}}
{{- if eq (include "rollcall.origin" .) "nothing" -}}
Rollcall is installed but NOT CONFIGURED: it discovers nothing but itself. Say where the inventory is:

  helm upgrade {{ .Release.Name }} <chart> --namespace {{ .Release.Namespace }} --set inventoryUrl=http://inventory:1337/inventory

or give a configuration file under "config:", as the chart's values.yaml shows.

{{ end -}}
{{- if .Values.scrapeConfig.enabled -}}
Prometheus discovers the targets through ScrapeConfig {{ default (include "rollcall.namespace" .) .Values.scrapeConfig.namespace }}/{{ include "rollcall.fullname" . }}, if its scrapeConfigSelector matches {{ .Values.scrapeConfig.additionalLabels | toJson }}.
{{- else -}}
Prometheus discovers the targets with this in prometheus.yml:

scrape_configs:
  - job_name: {{ include "rollcall.targetsJob" . }}
    http_sd_configs:
      - url: {{ $url }}/targets{{ with .Values.scrapeConfig.source }}/{{ . }}{{ end }}
        refresh_interval: {{ .Values.scrapeConfig.refreshInterval }}
{{- if not .Values.serviceMonitor.enabled }}
  - job_name: {{ include "rollcall.job" . }}
    kubernetes_sd_configs:
      - role: endpointslice
        namespaces: { names: [{{ include "rollcall.namespace" . }}] }
    relabel_configs:
      - source_labels: [__meta_kubernetes_service_name]
        regex: {{ include "rollcall.fullname" . }}
        action: keep
      - source_labels: [__meta_kubernetes_namespace]
        target_label: namespace
{{- end }}
{{- end }}

What Rollcall last read, and why something is or is not a target:

  kubectl --namespace {{ include "rollcall.namespace" . }} port-forward service/{{ include "rollcall.fullname" . }} {{ .Values.service.port }}
  curl{{ include "rollcall.curlFlags" . }} {{ include "rollcall.scheme" . }}://127.0.0.1:{{ .Values.service.port }}/health
  curl{{ include "rollcall.curlFlags" . }} -G {{ include "rollcall.scheme" . }}://127.0.0.1:{{ .Values.service.port }}/api/v1/explain -d q=<name>
{{- if .Values.valkey.enabled }}

The replicas share a Valkey of the chart: ONE process WITHOUT A DISK, for trying it out. When it is gone the replicas go on with
what they have, and give it back to the next one. For more, set cluster.url to a Valkey or Redis of your own.
{{- end }}
{{- if .Values.testFramework.enabled }}

Whether it serves targets:

  helm test {{ .Release.Name }} --namespace {{ .Release.Namespace }} --logs
{{- end }}
{{- end -}}
