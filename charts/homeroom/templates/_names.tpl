{{/*
What things are called. Every template takes names and labels from here.
*/}}

{{- define "homeroom.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of one part, for ever: dict "root" $ "part" "rules". */}}
{{- define "homeroom.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{/* The labels of an object of one part: dict "root" $ "part" "rules". */}}
{{- define "homeroom.labels" -}}
{{ include "homeroom.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: homeroom
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name and labels of an object of one part: dict "root" $ "part" "rules"; its name is the part's, or "name" behind the release's. */}}
{{- define "homeroom.metadata" -}}
name: {{ include "homeroom.fullname" .root }}-{{ .name | default .part }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "homeroom.labels" . | nindent 2 }}
{{- end -}}

{{- define "homeroom.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The names of channels that are sent to, as JSON. */}}
{{- define "homeroom.channels" -}}
{{- $names := list -}}
{{- range $name, $channel := .Values.channels -}}
{{- if $channel.enabled }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{/* Everything that runs, as JSON: services, adapters, and the canary. */}}
{{- define "homeroom.parts" -}}
{{- $parts := list "ingestion" "rules" "notification" -}}
{{- range include "homeroom.channels" . | fromJsonArray }}{{ $parts = append $parts (printf "channel-%s" .) }}{{ end -}}
{{- if .Values.canary.enabled }}{{ $parts = append $parts "canary" }}{{ end -}}
{{- $parts | toJson -}}
{{- end -}}

{{/* The secret with a part's certificate: dict "root" $ "part" "rules". */}}
{{- define "homeroom.tlsSecret" -}}
{{- .root.Values.tls.secret | default (printf "%s-%s-tls" (include "homeroom.fullname" .root) .part) -}}
{{- end -}}

{{/* The Kafka user of a part, which is also the name of the secret that Strimzi keeps for it: dict "root" $ "part" "rules". */}}
{{- define "homeroom.kafkaUser" -}}
{{ include "homeroom.fullname" .root }}-{{ .part }}
{{- end -}}
