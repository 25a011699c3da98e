{{- define "rollcall.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "rollcall.fullname" -}}
{{- $name := include "rollcall.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of something that belongs to the release, 63 characters at most: dict "context" "suffix". */}}
{{- define "rollcall.nameOf" -}}
{{- $room := int (sub 62 (len .suffix)) -}}
{{- printf "%s-%s" (include "rollcall.fullname" .context | trunc $room | trimSuffix "-") .suffix -}}
{{- end -}}

{{- define "rollcall.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* What never changes over the life of a release, and no other pod of it has. */}}
{{- define "rollcall.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rollcall.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{/* Labels of a pod: no version of the chart, with which every pod would be replaced for nothing. */}}
{{- define "rollcall.podLabels" -}}
{{- $own := include "rollcall.selectorLabels" . | fromYaml -}}
{{- toYaml (merge $own (dict "app.kubernetes.io/version" .Chart.AppVersion) (deepCopy .Values.podLabels) .Values.commonLabels) -}}
{{- end -}}

{{/* Labels of a resource: dict "context", and perhaps "labels" of its own and another "component". */}}
{{- define "rollcall.labels" -}}
{{- $own := include "rollcall.selectorLabels" .context | fromYaml -}}
{{- with .component -}}
{{- $_ := set $own "app.kubernetes.io/component" . -}}
{{- end -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $own "app.kubernetes.io/version" .context.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .context.Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" .context.Chart.Name -}}
{{- toYaml (merge $own (deepCopy (default dict .labels)) .context.Values.commonLabels) -}}
{{- end -}}

{{/* name, namespace, labels and annotations: dict "context", and perhaps "name", "namespace", "labels", "annotations". */}}
{{- define "rollcall.metadata" -}}
name: {{ default (include "rollcall.fullname" .context) .name }}
namespace: {{ default (include "rollcall.namespace" .context) .namespace }}
labels:
  {{- include "rollcall.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "rollcall.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "rollcall.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Those of the chart and those of global, each an object or a name; for every pod. */}}
{{- define "rollcall.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat (default list .Values.global.imagePullSecrets) .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with uniq $secrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "rollcall.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $repository := ternary .Values.image.repository (printf "%s/%s" $registry .Values.image.repository) (empty $registry) -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What is discovered as long as nobody says what: Rollcall itself. */}}
{{- define "rollcall.itself" -}}
{{- $address := printf "%s.%s.svc:%d" (include "rollcall.fullname" .) (include "rollcall.namespace" .) (int .Values.service.port) -}}
{{- list (dict "targets" (list $address) "labels" (dict "__scheme__" (include "rollcall.scheme" .))) | toJson -}}
{{- end -}}

{{/* The configuration file, as text; empty when the chart has none of its own. */}}
{{- define "rollcall.configText" -}}
{{- if eq (include "rollcall.origin" .) "nothing" -}}
{{- toYaml (dict "sources" (list (dict "name" "rollcall" "file" (dict "files" (list "/etc/rollcall/rollcall.json"))))) -}}
{{- end -}}
{{- if kindIs "string" .Values.config -}}
{{- .Values.config -}}
{{- else if .Values.config -}}
{{- toYaml .Values.config -}}
{{- end -}}
{{- if and .Values.config .Values.cluster.enabled }}
{{ toYaml (dict "cluster" (include "rollcall.cluster" . | fromYaml)) }}
{{- end -}}
{{- if and .Values.config .Values.prometheus }}
{{ toYaml (dict "prometheus" .Values.prometheus) }}
{{- end -}}
{{- end -}}

{{/* The keys of config, however it is written. */}}
{{- define "rollcall.configKeys" -}}
{{- $config := .Values.config -}}
{{- if kindIs "string" $config -}}
{{- $config = fromYaml $config -}}
{{- end -}}
{{- toYaml (default dict $config) -}}
{{- end -}}

{{/* Where the configuration comes from: config, existingConfigMap, existingSecret, environment or nothing (itself). */}}
{{- define "rollcall.origin" -}}
{{- $given := list -}}
{{- range $name := list "inventoryUrl" "config" "existingConfigMap" "existingSecret" -}}
{{- if get $.Values $name -}}{{- $given = append $given $name -}}{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.extraEnv -}}{{- $names = append $names .name -}}{{- end -}}
{{- if has "INVENTORY_URL" $names -}}{{- $given = append $given "INVENTORY_URL in extraEnv" -}}{{- end -}}
{{- if gt (len $given) 1 -}}
{{- fail (printf "\n\n%s: each says what is discovered; keep one of them\n" (join " and " $given)) -}}
{{- end -}}
{{- $one := first (append $given "nothing") -}}
{{- if has $one (list "config" "existingConfigMap" "existingSecret") -}}
{{- $one -}}
{{- else if and (eq $one "nothing") (not .Values.envFrom) -}}
nothing
{{- else -}}
environment
{{- end -}}
{{- end -}}

{{- define "rollcall.hasFile" -}}
{{- if ne (include "rollcall.origin" .) "environment" -}}true{{- end -}}
{{- end -}}

{{/* The name of the ConfigMap or Secret that the chart makes. */}}
{{- define "rollcall.configName" -}}
{{- include "rollcall.nameOf" (dict "context" . "suffix" "config") -}}
{{- end -}}

{{- define "rollcall.replicas" -}}
{{- if kindIs "invalid" .Values.replicas -}}
{{- ternary 1 2 .Values.persistence.enabled -}}
{{- else -}}
{{- int .Values.replicas -}}
{{- end -}}
{{- end -}}

{{- define "rollcall.terminationGracePeriodSeconds" -}}
{{- $needed := add (int .Values.preStopSleepSeconds) (int .Values.web.shutdownTimeoutSeconds) -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add $needed 5 -}}
{{- else -}}
{{- int .Values.terminationGracePeriodSeconds -}}
{{- end -}}
{{- end -}}

{{/* How the Service is asked: a proxy in front may do TLS. */}}
{{- define "rollcall.scheme" -}}
{{- default (ternary "https" "http" .Values.web.tls) .Values.service.scheme -}}
{{- end -}}

{{/* Whether something else than the server answers behind the Service. */}}
{{- define "rollcall.isBehindProxy" -}}
{{- if ne (toString .Values.service.targetPort) "http" -}}true{{- end -}}
{{- end -}}

{{/* The job of the server's own metrics, as a ServiceMonitor names it: by default after the Service. */}}
{{- define "rollcall.job" -}}
{{- $labels := include "rollcall.labels" (dict "context" . "labels" .Values.service.labels) | fromYaml -}}
{{- default (include "rollcall.fullname" .) (get $labels .Values.serviceMonitor.jobLabel) -}}
{{- end -}}

{{/* The name of this release that no other one in the cluster has. */}}
{{- define "rollcall.release" -}}
{{- printf "%s/%s" (include "rollcall.namespace" .) (include "rollcall.fullname" .) -}}
{{- end -}}

{{/* The job of the targets. */}}
{{- define "rollcall.targetsJob" -}}
{{- default (include "rollcall.release" .) .Values.scrapeConfig.jobName -}}
{{- end -}}

{{/* The name of the scrape configuration of the targets in Prometheus's own metrics: the operator has names of its own. */}}
{{- define "rollcall.scrapePool" -}}
{{- if .Values.scrapeConfig.enabled -}}
{{- printf "scrapeConfig/%s/%s" (default (include "rollcall.namespace" .) .Values.scrapeConfig.namespace) (include "rollcall.fullname" .) -}}
{{- else -}}
{{- include "rollcall.targetsJob" . -}}
{{- end -}}
{{- end -}}

{{/* Where others in the cluster reach Rollcall. */}}
{{- define "rollcall.url" -}}
{{- printf "%s://%s.%s.svc:%d" (include "rollcall.scheme" .) (include "rollcall.fullname" .) (include "rollcall.namespace" .) (int .Values.service.port) -}}
{{- end -}}
