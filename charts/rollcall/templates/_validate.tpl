{{/* What the schema cannot say: values that are right alone but wrong together. Fails with what to write instead. */}}
{{- define "rollcall.validate" -}}
{{- include "rollcall.validate.origin" . -}}
{{- include "rollcall.validate.owned" . -}}
{{- include "rollcall.validate.stopping" . -}}
{{- include "rollcall.validate.storage" . -}}
{{- include "rollcall.validate.scaling" . -}}
{{- include "rollcall.validate.cluster" . -}}
{{- include "rollcall.validate.prometheus" . -}}
{{- include "rollcall.validate.push" . -}}
{{- include "rollcall.validate.web" . -}}
{{- include "rollcall.validate.proxy" . -}}
{{- include "rollcall.validate.backup" . -}}
{{- end -}}

{{- define "rollcall.fail" -}}
{{- fail (printf "\n\n%s\n" .) -}}
{{- end -}}

{{- define "rollcall.validate.origin" -}}
{{- $origin := include "rollcall.origin" . -}}
{{- if and (eq $origin "nothing") .Release.IsUpgrade -}}
{{- include "rollcall.fail" "inventoryUrl, config, existingConfigMap, existingSecret: none says what is discovered, so that this upgrade would take every target away; give the values of the release again (--values, or --reuse-values)" -}}
{{- end -}}
{{- if regexMatch "^[a-z]+://[^/?#]*@" .Values.inventoryUrl -}}
{{- include "rollcall.fail" "inventoryUrl: has a user or a password, which everyone who can read the Deployment can see; put the whole URL into a Secret and write extraEnv: [{ name: INVENTORY_URL, valueFrom: { secretKeyRef: { name: …, key: … } } }]" -}}
{{- end -}}
{{- if and .Values.configAsSecret (ne $origin "config") -}}
{{- include "rollcall.fail" "configAsSecret: there is no config to put into a Secret; write config, or leave configAsSecret out" -}}
{{- end -}}
{{- if has $origin (list "config" "existingConfigMap" "existingSecret") -}}
{{- $defaults := dict "updateInterval" "30s" "metricsPort" 9100 "metricsPath" "/metrics" "targetLabels" dict -}}
{{- range $name, $default := $defaults -}}
{{- if ne (toJson (get $.Values.inventory $name)) (toJson $default) -}}
{{- include "rollcall.fail" (printf "inventory.%s: has no effect with %s; write it there: refresh_interval, targets and labels of a source" $name $origin) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Flags and variables that the chart sets itself. */}}
{{- define "rollcall.validate.owned" -}}
{{- $flags := dict "config.file" "config, existingConfigMap or existingSecret" "web.listen-address" "web.listenAddress and containerPort" "web.drain-delay" "web.drainDelaySeconds" "web.shutdown-timeout" "web.shutdownTimeoutSeconds" "web.enable-lifecycle" "web.enableLifecycle" "web.external-url" "web.externalUrl" "web.config.file" "web.configSecret" "web.disable-explain" "web.disableExplain" "storage.path" "persistence" "storage.history.retention.time" "history.retention.time" "storage.history.retention.size" "history.retention.size" "log.level" "log.level" "log.format" "log.format" -}}
{{- range .Values.extraArgs -}}
{{- $flag := regexReplaceAll "=.*$" . "" | trimPrefix "--" -}}
{{- with get $flags $flag -}}
{{- include "rollcall.fail" (printf "extraArgs: --%s is set by the chart; use %s" $flag .) -}}
{{- end -}}
{{- end -}}
{{- $variables := dict "CONFIG_FILE" "config, existingConfigMap or existingSecret" "LISTEN_ADDRESS" "web.listenAddress and containerPort" "STORAGE_PATH" "persistence" "LOG_LEVEL" "log.level" "LOG_FORMAT" "log.format" "UPDATE_INTERVAL" "inventory.updateInterval" "METRICS_PORT" "inventory.metricsPort" "METRICS_PATH" "inventory.metricsPath" "TARGET_LABELS" "inventory.targetLabels" -}}
{{- range .Values.extraEnv -}}
{{- $name := .name -}}
{{- with get $variables $name -}}
{{- include "rollcall.fail" (printf "extraEnv: %s is set by the chart; use %s" $name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "rollcall.validate.web" -}}
{{- if and .Values.web.tls (not .Values.web.configSecret) -}}
{{- include "rollcall.fail" "web.tls: without web.configSecret there are no certificates; name the Secret with the web configuration file, or leave tls out" -}}
{{- end -}}
{{- end -}}

{{- define "rollcall.validate.prometheus" -}}
{{- if .Values.prometheus -}}
{{- include "rollcall.validate.added" (dict "context" . "key" "prometheus" "value" "prometheus") -}}
{{- range .Values.prometheus -}}
{{- if regexMatch "^[a-z]+://[^/?#]*@" .url -}}
{{- include "rollcall.fail" "prometheus: a url has a user or a password, which everyone who can read the ConfigMap can see; write basic_auth with a password_file from secrets" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A key of the configuration file that is written into config for a value. */}}
{{- define "rollcall.validate.added" -}}
{{- if ne (include "rollcall.origin" .context) "config" -}}
{{- include "rollcall.fail" (printf "%s: is written into config, which is not there; write config, or %s: into the file of your own" .value .key) -}}
{{- end -}}
{{- if hasKey (include "rollcall.configKeys" .context | fromYaml) .key -}}
{{- include "rollcall.fail" (printf "config.%s: is there already, beside %s; keep one of them" .key .value) -}}
{{- end -}}
{{- if not (hasKey (include "rollcall.configText" .context | fromYaml) .key) -}}
{{- include "rollcall.fail" "config: nothing can be added to this text; write its keys one below the other, or as values instead of a text" -}}
{{- end -}}
{{- end -}}

{{- define "rollcall.validate.backup" -}}
{{- if and .Values.backup.enabled (not .Values.web.enableLifecycle) -}}
{{- include "rollcall.fail" "backup.enabled: without web.enableLifecycle a server answers 403; set it, and with web.configSecret say who may operate" -}}
{{- end -}}
{{- end -}}

{{- define "rollcall.validate.stopping" -}}
{{- $drain := int .Values.web.drainDelaySeconds -}}
{{- $shutdown := int .Values.web.shutdownTimeoutSeconds -}}
{{- if ge $drain $shutdown -}}
{{- include "rollcall.fail" (printf "web.drainDelaySeconds: %d is not less than web.shutdownTimeoutSeconds (%d), so requests in flight would be cut off; lower it or raise the timeout" $drain $shutdown) -}}
{{- end -}}
{{- $grace := int (include "rollcall.terminationGracePeriodSeconds" .) -}}
{{- $needed := int (add (int .Values.preStopSleepSeconds) $shutdown) -}}
{{- if lt $grace $needed -}}
{{- include "rollcall.fail" (printf "terminationGracePeriodSeconds: %d is less than preStopSleepSeconds + web.shutdownTimeoutSeconds (%d), so pods would be killed before they have stopped; raise it or leave it out" $grace $needed) -}}
{{- end -}}
{{- end -}}

{{- define "rollcall.validate.storage" -}}
{{- with .Values.persistence -}}
{{- if and .enabled .existingClaim -}}
{{- $why := "with persistence.existingClaim only one process may use the folder, since another one would overwrite its lists" -}}
{{- if gt (int (include "rollcall.replicas" $)) 1 -}}
{{- include "rollcall.fail" (printf "replicas: %d, but %s; leave replicas out, or existingClaim: then each replica has a claim of its own" (int $.Values.replicas) $why) -}}
{{- end -}}
{{- if $.Values.autoscaling.enabled -}}
{{- include "rollcall.fail" (printf "autoscaling.enabled: %s; leave one of them out" $why) -}}
{{- end -}}
{{- end -}}
{{- if and .enabled (hasKey $.Values.strategy "type") (not (has $.Values.strategy.type (list "RollingUpdate" "OnDelete"))) -}}
{{- include "rollcall.fail" (printf "strategy.type: %s is for a Deployment; with persistence there is a StatefulSet, which knows RollingUpdate and OnDelete" $.Values.strategy.type) -}}
{{- end -}}
{{- if and (not .enabled) (eq (default "" $.Values.strategy.type) "OnDelete") -}}
{{- include "rollcall.fail" "strategy.type: OnDelete is for a StatefulSet; without persistence there is a Deployment, which knows RollingUpdate and Recreate" -}}
{{- end -}}
{{- if .enabled -}}
{{- include "rollcall.validate.oldClaim" $ -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Up to 0.1.0 the release itself had the claim, and Helm would delete it with everything in it. */}}
{{- define "rollcall.validate.oldClaim" -}}
{{- $namespace := include "rollcall.namespace" . -}}
{{- $name := include "rollcall.fullname" . -}}
{{- $claim := default dict (lookup "v1" "PersistentVolumeClaim" $namespace $name) -}}
{{- $isOurs := eq (dig "metadata" "labels" "app.kubernetes.io/instance" "" $claim) .Release.Name -}}
{{- $isKept := eq (dig "metadata" "annotations" "helm.sh/resource-policy" "" $claim) "keep" -}}
{{- if and $isOurs (not $isKept) -}}
{{- include "rollcall.fail" (printf "persistence: this upgrade would delete the claim %s of an earlier version, with the lists, the history and the registrations in it; keep it: kubectl --namespace %s annotate persistentvolumeclaim %s helm.sh/resource-policy=keep; then go on with it (persistence.existingClaim: %s, one replica), or without (each replica gets a new claim)" $name $namespace $name $name) -}}
{{- end -}}
{{- end -}}

{{/* Who listens on the loopback interface only is reached by nobody but containers of its pod. */}}
{{- define "rollcall.validate.proxy" -}}
{{- if regexMatch "^(127\\..*|localhost|\\[::1\\])$" .Values.web.listenAddress -}}
{{- if not (include "rollcall.isBehindProxy" .) -}}
{{- include "rollcall.fail" "web.listenAddress: nobody outside of the pod reaches it; set service.targetPort to the port of a proxy in extraContainers" -}}
{{- end -}}
{{- range $name := list "startupProbe" "livenessProbe" "readinessProbe" -}}
{{- $probe := default dict (get $.Values $name) -}}
{{- range $kind := list "httpGet" "tcpSocket" -}}
{{- if eq (toString (dig $kind "port" "" $probe)) "http" -}}
{{- include "rollcall.fail" (printf "%s.%s.port: Kubernetes does not reach web.listenAddress; name the port of the proxy, which must let the path of the probe through" $name $kind) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Without a cluster each replica knows only the devices that registered with it. */}}
{{- define "rollcall.validate.push" -}}
{{- $areSeveral := or .Values.autoscaling.enabled (gt (int (include "rollcall.replicas" .)) 1) -}}
{{- if and $areSeveral (not (include "rollcall.isCluster" .)) -}}
{{- range $source := default list (get (include "rollcall.configKeys" . | fromYaml) "sources") -}}
{{- if hasKey $source "push" -}}
{{- include "rollcall.fail" (printf "config.sources: devices register with %s, and each replica would know only those that reached it, so that targets would come and go; set cluster.enabled: true (replicas that share them), or replicas: 1 with persistence.enabled: true (which keeps its registrations), and put other sources into a release of their own" (default "a push source" $source.name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "rollcall.validate.scaling" -}}
{{- $budget := .Values.podDisruptionBudget -}}
{{- if $budget.enabled -}}
{{- if eq (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable) -}}
{{- include "rollcall.fail" "podDisruptionBudget: takes one of maxUnavailable and minAvailable; set the other one to null" -}}
{{- end -}}
{{- $replicas := ternary (int .Values.autoscaling.minReplicas) (int (include "rollcall.replicas" .)) .Values.autoscaling.enabled -}}
{{- if and (not (kindIs "invalid" $budget.minAvailable)) (not (kindIs "string" $budget.minAvailable)) (gt $replicas 0) -}}
{{- if ge (int $budget.minAvailable) $replicas -}}
{{- include "rollcall.fail" (printf "podDisruptionBudget.minAvailable: %d of %d replicas means that no node with one of them can ever be drained; use maxUnavailable: 1" (int $budget.minAvailable) $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- include "rollcall.fail" (printf "autoscaling.minReplicas: %d is more than maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- $requests := default dict (default dict $.Values.resources).requests -}}
{{- if and .targetCPUUtilizationPercentage (not $requests.cpu) -}}
{{- include "rollcall.fail" "autoscaling.targetCPUUtilizationPercentage: is a percentage of resources.requests.cpu, which is not there; set it" -}}
{{- end -}}
{{- if and .targetMemoryUtilizationPercentage (not $requests.memory) -}}
{{- include "rollcall.fail" "autoscaling.targetMemoryUtilizationPercentage: is a percentage of resources.requests.memory, which is not there; set it" -}}
{{- end -}}
{{- if not (or .targetCPUUtilizationPercentage .targetMemoryUtilizationPercentage .metrics) -}}
{{- include "rollcall.fail" "autoscaling: has nothing to scale by; set targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or metrics" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
