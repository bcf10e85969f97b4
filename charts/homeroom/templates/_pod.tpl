{{/*
What every pod has alike: who it runs as, where it runs, and what is mounted under /etc/homeroom. Secrets are files, root's,
readable by the pod's group alone: what the binary asks of a secret's file.
*/}}

{{/* The pod's part of the specification: dict "root" $ "part" "rules". */}}
{{- define "homeroom.pod" -}}
{{- $pod := .root.Values.pod -}}
serviceAccountName: {{ include "homeroom.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with $pod.runAsUser }}
  runAsUser: {{ int64 . }}
  {{- end }}
  {{- with $pod.runAsGroup }}
  runAsGroup: {{ int64 . }}
  {{- end }}
  {{- with $pod.fsGroup }}
  fsGroup: {{ int64 . }}
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Apart over machines and zones: dict "root" $ "part" "rules". */}}
{{- define "homeroom.spread" -}}
topologySpreadConstraints:
  {{- range $key, $when := dict "kubernetes.io/hostname" .root.Values.pod.spread.host "topology.kubernetes.io/zone" .root.Values.pod.spread.zone }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $when }}
    labelSelector:
      matchLabels:
        {{- include "homeroom.selector" $ | nindent 8 }}
    # A new version is spread for itself, not beside the pods that it replaces.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "homeroom.selector" . | nindent 14 }}
{{- end -}}

{{- define "homeroom.container.security" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Probes at the port of health. It answers as soon as the process has what it starts with; without that it ends, and comes again. */}}
{{- define "homeroom.probes" -}}
{{- $scheme := ternary "HTTPS" "HTTP" .Values.tls.enabled -}}
startupProbe:
  httpGet: {path: /healthz, port: health, scheme: {{ $scheme }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 30
readinessProbe:
  httpGet: {path: /readyz, port: health, scheme: {{ $scheme }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
# Looks at the process alone: starting anew helps against nothing else.
livenessProbe:
  httpGet: {path: /healthz, port: health, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

{{/* Whose pods change when these do. */}}
{{- define "homeroom.pod.metadata" -}}
labels:
  {{- include "homeroom.labels" . | nindent 2 }}
  {{- with .root.Values.pod.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ .config | sha256sum }}
  {{- with .root.Values.pod.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/*
What is mounted, as a JSON list of {name, at, volume}: dict "root" $ "part" "rules". A volume is a secret with the keys that are
taken of it, or a configMap.
*/}}
{{- define "homeroom.files" -}}
{{- $root := .root -}}
{{- $part := .part -}}
{{- $values := $root.Values -}}
{{- $files := list -}}
{{- $secrets := $values.secrets -}}
{{- $isService := has $part (list "ingestion" "rules" "notification") -}}
{{- $isChannel := hasPrefix "channel-" $part -}}
{{- $isCanary := eq $part "canary" -}}
{{- $isDesk := eq $part "desk" -}}
{{- if or $isService $isDesk -}}
{{- $files = append $files (dict "at" "access" "secret" $secrets.access "keys" (dict "keys.toml" "keys.toml" "token.key" "token.key")) -}}
{{- $urls := dict (printf "%s-url" $part) "url" -}}
{{- if $isDesk }}{{ $urls = dict "ingestion-url" "ingestion-url" "rules-url" "rules-url" "notification-url" "notification-url" }}{{ end -}}
{{- $files = append $files (dict "at" "database" "secret" $secrets.database "keys" $urls) -}}
{{- end -}}
{{- if eq $part "setup" -}}
{{- $files = append $files (dict "at" "migration" "secret" $secrets.migration) -}}
{{- end -}}
{{- if not (or $isChannel $isCanary) -}}
{{- if $values.database.ca.secret -}}
{{- $files = append $files (dict "at" "database-ca" "secret" $values.database.ca.secret "keys" (dict $values.database.ca.key "ca.crt")) -}}
{{- end -}}
{{- if eq $values.log.kind "postgres" -}}
{{- $files = append $files (dict "at" "log-database" "secret" $secrets.database "keys" (dict "log-url" "url")) -}}
{{- else -}}
{{- $files = concat $files (include "homeroom.files.kafka" (dict "root" $root "part" (ternary "setup" $part $isDesk)) | fromJsonArray) -}}
{{- end -}}
{{- end -}}
{{- if or $isDesk (eq $part "ingestion") -}}
{{- $files = append $files (dict "at" "pseudonyms" "secret" $secrets.pseudonyms) -}}
{{- end -}}
{{- if eq $part "notification" -}}
{{- with $values.notification.routing -}}
{{- if .secret -}}
{{- $files = append $files (dict "at" "routing" "secret" .secret) -}}
{{- else if .configMap -}}
{{- $files = append $files (dict "at" "routing" "configMap" .configMap) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (or $isService $isChannel $isCanary) $values.tls.enabled -}}
{{- $keys := dict "tls.crt" "tls.crt" "tls.key" "tls.key" -}}
{{- if or $isChannel $isCanary (and $values.tls.mutual (eq $part "notification")) }}{{ $_ := set $keys "ca.crt" "ca.crt" }}{{ end -}}
{{- $files = append $files (dict "at" "tls" "secret" (include "homeroom.tlsSecret" .) "keys" $keys) -}}
{{- end -}}
{{- if $isChannel -}}
{{- $channel := get $values.channels (trimPrefix "channel-" $part) -}}
{{- $files = append $files (dict "at" "channel" "secret" $channel.secret) -}}
{{- if $channel.ca.secret -}}
{{- $files = append $files (dict "at" "channel-ca" "secret" $channel.ca.secret "keys" (dict $channel.ca.key "ca.crt")) -}}
{{- end -}}
{{- end -}}
{{- if $isCanary -}}
{{- $files = append $files (dict "at" "canary" "secret" $values.canary.secret) -}}
{{- with $values.canary.ca -}}
{{- if .secret -}}
{{- $files = append $files (dict "at" "canary-ca" "secret" .secret "keys" (dict .key "ca.crt")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (not (has $part (list "setup" "desk"))) $values.telemetry.otlp.ca.secret -}}
{{- $ca := $values.telemetry.otlp.ca -}}
{{- $files = append $files (dict "at" "otlp" "secret" $ca.secret "keys" (dict $ca.key "ca.crt")) -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{/* What reaching Kafka takes: authorities, a client certificate, a password; several secrets under one folder. */}}
{{- define "homeroom.files.kafka" -}}
{{- $sources := list -}}
{{- $tls := .root.Values.log.kafka.tls -}}
{{- with include "homeroom.kafka.ca" .root -}}
{{- $sources = append $sources (dict "secret" . "keys" (dict ($tls.ca.key) "ca.crt")) -}}
{{- end -}}
{{- with include "homeroom.kafka.client" . -}}
{{- $sources = append $sources (dict "secret" . "keys" (dict $tls.client.cert "user.crt" $tls.client.key "user.key")) -}}
{{- end -}}
{{- with include "homeroom.kafka.login" . | fromJson -}}
{{- $sources = append $sources (dict "secret" .secret "keys" (dict .key "password")) -}}
{{- end -}}
{{- if $sources -}}
{{- list (dict "at" "kafka" "sources" $sources) | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{- define "homeroom.mounts" -}}
- name: config
  mountPath: /etc/homeroom/config
  readOnly: true
{{- range include "homeroom.files" . | fromJsonArray }}
- name: {{ .at }}
  mountPath: /etc/homeroom/{{ .at }}
  readOnly: true
{{- end }}
{{- end -}}

{{/* dict "root" $ "part" "rules" "configMap" NAME */}}
{{- define "homeroom.volumes" -}}
- name: config
  configMap:
    name: {{ .configMap }}
{{- range include "homeroom.files" . | fromJsonArray }}
- name: {{ .at }}
  {{- if .configMap }}
  configMap:
    name: {{ .configMap }}
  {{- else if .sources }}
  projected:
    defaultMode: 0440
    sources:
      {{- range .sources }}
      - secret:
          name: {{ .secret }}
          items:
            {{- include "homeroom.items" .keys | nindent 12 }}
      {{- end }}
  {{- else }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    {{- with .keys }}
    items:
      {{- include "homeroom.items" . | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "homeroom.items" -}}
{{- range $key, $path := . }}
- {key: {{ $key | quote }}, path: {{ $path | quote }}}
{{- end }}
{{- end -}}
