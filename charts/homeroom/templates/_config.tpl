{{/*
The configuration file of each part, as the binary reads it: a table per component, keys in kebab-case. Paths are where
_pod.tpl mounts things.
*/}}

{{/* A table and those below it as TOML: dict "table" TABLE "path" "log.kafka". JSON's scalars and lists are TOML's too. */}}
{{- define "homeroom.toml" -}}
{{- $path := .path -}}
{{- range $key, $value := .table }}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ include "homeroom.toml.key" $key }} = {{ mustToRawJson $value }}
{{- end }}
{{- end }}
{{- range $key, $value := .table }}
{{- if kindIs "map" $value }}
{{- $below := include "homeroom.toml.key" $key }}
{{- if $path }}{{ $below = printf "%s.%s" $path $below }}{{ end }}
{{ printf "\n[%s]" $below }}
{{- include "homeroom.toml" (dict "table" $value "path" $below) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "homeroom.toml.key" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ mustToRawJson . }}{{ end -}}
{{- end -}}

{{/* The table [log] of a part, as JSON: dict "root" $ "part" "rules". */}}
{{- define "homeroom.log" -}}
{{- $log := .root.Values.log -}}
{{- if eq $log.kind "postgres" -}}
{{- $database := dict "url-file" "/etc/homeroom/log-database/url" -}}
{{- dict "kind" "postgres" "postgres" $log.postgres.config "database" $database | toJson -}}
{{- else -}}
{{- $kafka := deepCopy $log.kafka.config -}}
{{- $_ := set $kafka "bootstrap-servers" $log.kafka.bootstrapServers -}}
{{- $files := "/etc/homeroom/kafka" -}}
{{- if eq (include "homeroom.kafka.tls" .root) "true" -}}
{{- $tls := dict -}}
{{- if include "homeroom.kafka.ca" .root }}{{ $_ := set $tls "ca-file" (printf "%s/ca.crt" $files) }}{{ end -}}
{{- if include "homeroom.kafka.client" . -}}
{{- $_ := set $tls "cert-file" (printf "%s/user.crt" $files) -}}
{{- $_ := set $tls "key-file" (printf "%s/user.key" $files) -}}
{{- end -}}
{{- $_ := set $kafka "tls" $tls -}}
{{- end -}}
{{- with include "homeroom.kafka.login" . | fromJson -}}
{{- $_ := set $kafka "sasl" (dict "mechanism" .mechanism "user" .user "password-file" (printf "%s/password" $files)) -}}
{{- end -}}
{{- dict "kind" "kafka" "kafka" $kafka | toJson -}}
{{- end -}}
{{- end -}}

{{/* Whether Kafka is reached over TLS. Strimzi's listeners for these users always are. */}}
{{- define "homeroom.kafka.tls" -}}
{{- or .Values.log.kafka.tls.enabled .Values.log.kafka.strimzi.enabled -}}
{{- end -}}

{{/* The secret with the brokers' authorities; empty where the system's do. */}}
{{- define "homeroom.kafka.ca" -}}
{{- $kafka := .Values.log.kafka -}}
{{- if $kafka.tls.ca.secret -}}
{{- $kafka.tls.ca.secret -}}
{{- else if $kafka.strimzi.enabled -}}
{{- $kafka.strimzi.cluster }}-cluster-ca-cert
{{- end -}}
{{- end -}}

{{/* The secret with a part's client certificate; empty where it shows none: dict "root" $ "part" "rules". */}}
{{- define "homeroom.kafka.client" -}}
{{- $kafka := .root.Values.log.kafka -}}
{{- if and $kafka.strimzi.enabled (eq $kafka.strimzi.authentication "tls") -}}
{{- include "homeroom.kafkaUser" . -}}
{{- else if $kafka.tls.client.secret -}}
{{- $kafka.tls.client.secret -}}
{{- end -}}
{{- end -}}

{{/* How a part logs in at Kafka, as JSON, empty where it does not: dict "root" $ "part" "rules". */}}
{{- define "homeroom.kafka.login" -}}
{{- $kafka := .root.Values.log.kafka -}}
{{- if and $kafka.strimzi.enabled (eq $kafka.strimzi.authentication "scram-sha-512") -}}
{{- $user := include "homeroom.kafkaUser" . -}}
{{- dict "mechanism" "scram-sha512" "user" $user "secret" $user "key" "password" | toJson -}}
{{- else if $kafka.sasl.enabled -}}
{{- $own := get $kafka.sasl.users .part | default dict -}}
{{- dict "mechanism" $kafka.sasl.mechanism "user" ($own.user | default $kafka.sasl.user) "secret" ($own.secret | default $kafka.sasl.secret) "key" $kafka.sasl.passwordKey | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* The table [telemetry], as JSON. */}}
{{- define "homeroom.telemetry" -}}
{{- $telemetry := .Values.telemetry -}}
{{- $table := dict "log-filter" $telemetry.logFilter "log-format" $telemetry.logFormat -}}
{{- with $telemetry.otlp.endpoint }}{{ $_ := set $table "otlp-endpoint" . }}{{ end -}}
{{- if $telemetry.otlp.metrics }}{{ $_ := set $table "otlp-metrics" true }}{{ end -}}
{{- if $telemetry.otlp.logs }}{{ $_ := set $table "otlp-logs" true }}{{ end -}}
{{- if $telemetry.otlp.ca.secret }}{{ $_ := set $table "otlp-ca-file" "/etc/homeroom/otlp/ca.crt" }}{{ end -}}
{{- $table | toJson -}}
{{- end -}}

{{/* Where processes listen, as a configuration file has it. */}}
{{- define "homeroom.address" -}}
{{- $address := .Values.server.address -}}
{{- if contains ":" $address }}[{{ $address }}]{{ else }}{{ $address }}{{ end -}}
{{- end -}}

{{/* What every table [server] has, as JSON: the port of health and metrics, and the certificate. */}}
{{- define "homeroom.server" -}}
{{- $server := dict "health" (printf "%s:8082" (include "homeroom.address" .)) -}}
{{- if .Values.tls.enabled -}}
{{- $_ := set $server "tls" (dict "cert" "/etc/homeroom/tls/tls.crt" "key" "/etc/homeroom/tls/tls.key") -}}
{{- end -}}
{{- $server | toJson -}}
{{- end -}}

{{/* The file of a service: dict "root" $ "part" "rules". */}}
{{- define "homeroom.config.service" -}}
{{- $values := .root.Values -}}
{{- $limits := deepCopy $values.server.limits -}}
{{- $_ := set $limits "linger-millis" $values.drain.lingerMillis -}}
{{- $_ := set $limits "drain-seconds" $values.drain.seconds -}}
{{- $address := include "homeroom.address" .root -}}
{{- $server := include "homeroom.server" .root | fromJson -}}
{{- $_ := set $server "http" (printf "%s:8080" $address) -}}
{{- $_ := set $server "grpc" (printf "%s:8081" $address) -}}
{{- $_ := set $server "limits" $limits -}}
{{- $own := deepCopy (get $values .part).config -}}
{{- $_ := set $own "database" (merge (dict "url-file" "/etc/homeroom/database/url") (get $own "database" | default dict)) -}}
{{- if eq .part "ingestion" }}{{ $_ := set $own "pseudonym-keys" "/etc/homeroom/pseudonyms" }}{{ end -}}
{{- if eq .part "notification" -}}
{{- if $values.tls.mutual -}}
{{- $peers := dict "cert" "/etc/homeroom/tls/tls.crt" "key" "/etc/homeroom/tls/tls.key" "client-ca" "/etc/homeroom/tls/ca.crt" -}}
{{- $_ := set $server "peers" (dict "grpc" (printf "%s:8083" $address) "tls" $peers) -}}
{{- $_ := set $own "adapter-certificates" true -}}
{{- end -}}
{{- with $values.notification.routing -}}
{{- if or .configMap .secret }}{{ $_ := set $own "routing-file" "/etc/homeroom/routing" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $access := dict "keys" "/etc/homeroom/access/keys.toml" "token-key" "/etc/homeroom/access/token.key" -}}
{{- $log := include "homeroom.log" . | fromJson -}}
{{- $telemetry := include "homeroom.telemetry" .root | fromJson -}}
{{- $file := dict "server" $server "telemetry" $telemetry "access" $access "log" $log .part $own -}}
{{- include "homeroom.toml" (dict "table" $file "path" "") | trim -}}
{{- end -}}

{{/* The file of a channel's adapter: dict "root" $ "channel" "mail". */}}
{{- define "homeroom.config.channel" -}}
{{- $values := .root.Values -}}
{{- $channel := get $values.channels .channel -}}
{{- $feed := deepCopy $channel.feed -}}
{{- $scheme := ternary "https" "http" $values.tls.enabled -}}
{{- $_ := set $feed "endpoint" (printf "%s://%s-notification.%s.svc:%d" $scheme (include "homeroom.fullname" .root) .root.Release.Namespace (ternary 8083 8081 $values.tls.mutual)) -}}
{{- $_ := set $feed "key-file" "/etc/homeroom/channel/feed.key" -}}
{{- if $values.tls.enabled }}{{ $_ := set $feed "ca-file" "/etc/homeroom/tls/ca.crt" }}{{ end -}}
{{- if $values.tls.mutual -}}
{{- $_ := set $feed "cert-file" "/etc/homeroom/tls/tls.crt" -}}
{{- $_ := set $feed "cert-key-file" "/etc/homeroom/tls/tls.key" -}}
{{- end -}}
{{- $own := deepCopy $channel.config -}}
{{- $_ := set $own "feed" $feed -}}
{{- if $channel.ca.secret }}{{ $_ := set $own "ca-file" "/etc/homeroom/channel-ca/ca.crt" }}{{ end -}}
{{- if eq .channel "webhook" -}}
{{- $files := list -}}
{{- range $channel.signingSecrets }}{{ $files = append $files (printf "/etc/homeroom/channel/%s" .) }}{{ end -}}
{{- $_ := set $own "secret-files" $files -}}
{{- $endpoints := dict -}}
{{- range $url, $keys := $channel.endpointSecrets -}}
{{- $paths := list -}}
{{- range $keys }}{{ $paths = append $paths (printf "/etc/homeroom/channel/%s" .) }}{{ end -}}
{{- $_ := set $endpoints $url $paths -}}
{{- end -}}
{{- if $endpoints }}{{ $_ := set $own "endpoint-secret-files" $endpoints }}{{ end -}}
{{- else -}}
{{- $_ := set $own "host" $channel.host -}}
{{- $_ := set $own "port" $channel.port -}}
{{- $_ := set $own "security" $channel.security -}}
{{- $_ := set $own "from" $channel.from -}}
{{- if $channel.user -}}
{{- $_ := set $own "user" $channel.user -}}
{{- $_ := set $own "password-file" "/etc/homeroom/channel/password" -}}
{{- end -}}
{{- end -}}
{{- $telemetry := include "homeroom.telemetry" .root | fromJson -}}
{{- $server := include "homeroom.server" .root | fromJson -}}
{{- include "homeroom.toml" (dict "table" (dict "server" $server "telemetry" $telemetry (printf "channel-%s" .channel) $own) "path" "") | trim -}}
{{- end -}}

{{/* The file of the canary: by default it calls the services as others in the cluster do, else at the address that senders call. */}}
{{- define "homeroom.config.canary" -}}
{{- $canary := .Values.canary -}}
{{- $scheme := ternary "https" "http" .Values.tls.enabled -}}
{{- $inside := printf "%s://%s-%%s.%s.svc:%%d" $scheme (include "homeroom.fullname" .) .Release.Namespace -}}
{{- $own := dict "every-s" $canary.everySeconds "within-s" $canary.withinSeconds -}}
{{- $_ := set $own "url" ($canary.url | default (printf $inside "ingestion" 8080)) -}}
{{- $_ := set $own "grpc" ($canary.grpc | default (printf $inside "notification" 8081)) -}}
{{- $files := list -}}
{{- range $canary.keys }}{{ $files = append $files (printf "/etc/homeroom/canary/%s" .) }}{{ end -}}
{{- $_ := set $own "key-files" $files -}}
{{- if $canary.ca.secret -}}
{{- $_ := set $own "ca-file" "/etc/homeroom/canary-ca/ca.crt" -}}
{{- else if and .Values.tls.enabled (not $canary.url) -}}
{{- $_ := set $own "ca-file" "/etc/homeroom/tls/ca.crt" -}}
{{- end -}}
{{- $telemetry := include "homeroom.telemetry" . | fromJson -}}
{{- $server := include "homeroom.server" . | fromJson -}}
{{- include "homeroom.toml" (dict "table" (dict "server" $server "telemetry" $telemetry "canary" $own) "path" "") | trim -}}
{{- end -}}

{{/* The file of the set-up job: its database is the owner's, and it creates or checks topics. */}}
{{- define "homeroom.config.setup" -}}
{{- $schemas := list "ingestion" "rules" "notification" -}}
{{- if eq .Values.log.kind "postgres" }}{{ $schemas = append $schemas "bus" }}{{ end -}}
{{- $passwords := dict -}}
{{- range $schemas }}{{ $_ := set $passwords . (printf "/etc/homeroom/migration/%s-password" .) }}{{ end -}}
{{- $migrate := dict "database" (dict "url-file" "/etc/homeroom/migration/url") "passwords" $passwords -}}
{{- $log := include "homeroom.log" (dict "root" . "part" "setup") | fromJson -}}
{{- include "homeroom.toml" (dict "table" (dict "migrate" $migrate "log" $log) "path" "") | trim -}}
{{- end -}}

{{/* What the desk sees: all schemas, each as its own service does, and the log as the set-up job does. */}}
{{- define "homeroom.config.desk" -}}
{{- $values := .Values -}}
{{- $table := dict "log" (include "homeroom.log" (dict "root" . "part" "setup") | fromJson) -}}
{{- $_ := set $table "access" (dict "keys" "/etc/homeroom/access/keys.toml" "token-key" "/etc/homeroom/access/token.key") -}}
{{- range $part := list "ingestion" "rules" "notification" -}}
{{- $own := deepCopy (get $values $part).config -}}
{{- $database := dict "url-file" (printf "/etc/homeroom/database/%s-url" $part) -}}
{{- $_ := set $own "database" (merge $database (get $own "database" | default dict)) -}}
{{- $_ := set $table $part $own -}}
{{- end -}}
{{- $_ := set $table.ingestion "pseudonym-keys" "/etc/homeroom/pseudonyms" -}}
{{- include "homeroom.toml" (dict "table" $table "path" "") | trim -}}
{{- end -}}
