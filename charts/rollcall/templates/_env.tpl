{{/* The variables that describe an inventory. Kubernetes would replace $(…) in them. */}}
{{- define "rollcall.env" -}}
{{- if not (include "rollcall.hasFile" .) }}
{{- if .Values.inventoryUrl }}
- name: INVENTORY_URL
  value: {{ .Values.inventoryUrl | replace "$(" "$$(" | quote }}
{{- end }}
- name: UPDATE_INTERVAL
  value: {{ .Values.inventory.updateInterval | quote }}
{{- /* Without INVENTORY_URL this one keeps the process from serving its demo. */}}
- name: METRICS_PORT
  value: {{ .Values.inventory.metricsPort | quote }}
- name: METRICS_PATH
  value: {{ .Values.inventory.metricsPath | replace "$(" "$$(" | quote }}
{{- with .Values.inventory.targetLabels }}
{{- $pairs := list }}
{{- range $name, $value := . }}
{{- $pairs = append $pairs (printf "%s=%v" $name $value) }}
{{- end }}
- name: TARGET_LABELS
  value: {{ join "," $pairs | replace "$(" "$$(" | quote }}
{{- end }}
{{- end }}
{{- end -}}
