{{/* What `cluster` of the values is in the configuration file. */}}
{{- define "rollcall.cluster" -}}
{{- with .Values.cluster -}}
{{- $redis := deepCopy .redis -}}
{{- if $.Values.valkey.enabled -}}
{{- $_ := set $redis "url" (printf "redis://%s.%s.svc:6379" (include "rollcall.valkeyName" $) (include "rollcall.namespace" $)) -}}
{{- else if .url -}}
{{- $_ := set $redis "url" .url -}}
{{- end -}}
{{- with .username -}}
{{- $_ := set $redis "username" . -}}
{{- end -}}
{{- if .passwordSecret.name -}}
{{- $_ := set $redis "password_file" "/etc/rollcall-cluster/password" -}}
{{- end -}}
{{- $tls := deepCopy .tlsConfig -}}
{{- if .caSecret.name -}}
{{- $_ := set $tls "ca_file" "/etc/rollcall-cluster/ca.crt" -}}
{{- end -}}
{{- with $tls -}}
{{- $_ := set $redis "tls_config" . -}}
{{- end -}}
{{- $own := printf "%s.%s" (include "rollcall.namespace" $) (include "rollcall.fullname" $) | trunc 64 -}}
{{- toYaml (dict "redis" $redis "key_prefix" (default $own .keyPrefix) "signing_key_file" "/etc/rollcall-cluster/signing-key") -}}
{{- end -}}
{{- end -}}

{{/* Whether replicas share what they know, as far as the values tell. */}}
{{- define "rollcall.isCluster" -}}
{{- if or .Values.cluster.enabled (hasKey (include "rollcall.configKeys" . | fromYaml) "cluster") -}}true{{- end -}}
{{- end -}}

{{/* Their secrets, in one folder. */}}
{{- define "rollcall.clusterVolume" -}}
- name: cluster
  projected:
    defaultMode: 288 # 0440
    sources:
      {{- $files := dict "passwordSecret" "password" "signingKeySecret" "signing-key" "caSecret" "ca.crt" }}
      {{- range $value, $path := $files }}
      {{- with get $.Values.cluster $value }}
      {{- if .name }}
      - secret:
          name: {{ .name }}
          items: [{ key: {{ .key }}, path: {{ $path }} }]
      {{- end }}
      {{- end }}
      {{- end }}
{{- end -}}

{{- define "rollcall.valkeyName" -}}
{{- include "rollcall.nameOf" (dict "context" . "suffix" "valkey") -}}
{{- end -}}

{{- define "rollcall.valkeyLabels" -}}
app.kubernetes.io/name: {{ include "rollcall.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: valkey
{{- end -}}

{{- define "rollcall.validate.cluster" -}}
{{- with .Values.cluster -}}
{{- if and $.Values.valkey.enabled (not .enabled) -}}
{{- include "rollcall.fail" "valkey.enabled: nothing uses it without cluster.enabled; set both" -}}
{{- end -}}
{{- if .enabled -}}
{{- include "rollcall.validate.store" $ -}}
{{- include "rollcall.validate.added" (dict "context" $ "key" "cluster" "value" "cluster.enabled") -}}
{{- if not .signingKeySecret.name -}}
{{- include "rollcall.fail" "cluster.signingKeySecret.name: without a key anybody who reaches the store could say which targets there are; make one: kubectl create secret generic rollcall-cluster --from-literal=signing-key=\"$(openssl rand -hex 32)\"" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where the store is, and how it is asked. */}}
{{- define "rollcall.validate.store" -}}
{{- with .Values.cluster -}}
{{- $places := list -}}
{{- if .url -}}{{- $places = append $places "cluster.url" -}}{{- end -}}
{{- if .redis -}}{{- $places = append $places "cluster.redis" -}}{{- end -}}
{{- if $.Values.valkey.enabled -}}{{- $places = append $places "valkey.enabled" -}}{{- end -}}
{{- if not $places -}}
{{- include "rollcall.fail" "cluster.enabled: does not set where the store is; set cluster.url, cluster.redis, or, to try it out, valkey.enabled" -}}
{{- end -}}
{{- if gt (len $places) 1 -}}
{{- include "rollcall.fail" (printf "%s: each says where the store is; keep one of them" (join " and " $places)) -}}
{{- end -}}
{{- if and (or .username $.Values.valkey.enabled) (not .passwordSecret.name) -}}
{{- include "rollcall.fail" "cluster.passwordSecret.name: cluster.username and valkey.enabled need a password; name the Secret that has it" -}}
{{- end -}}
{{- if and (or .caSecret.name .tlsConfig) (or $.Values.valkey.enabled (hasPrefix "redis://" .url)) -}}
{{- include "rollcall.fail" "cluster.caSecret and cluster.tlsConfig: have no effect without TLS; write rediss:// in cluster.url, or leave them out" -}}
{{- end -}}
{{- end -}}
{{- end -}}
