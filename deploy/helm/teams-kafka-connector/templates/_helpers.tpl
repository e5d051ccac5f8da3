{{- define "teams-kafka-connector.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" }}
{{- end }}

{{- define "teams-kafka-connector.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if contains (include "teams-kafka-connector.name" .) .Release.Name }}
{{- .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "teams-kafka-connector.name" .) | trunc 53 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What the connector's pods and the test's pod have in common. */}}
{{- define "teams-kafka-connector.instanceLabels" -}}
app.kubernetes.io/name: {{ include "teams-kafka-connector.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What only the connector's pods have. A Deployment's selector can never be changed. */}}
{{- define "teams-kafka-connector.selectorLabels" -}}
{{ include "teams-kafka-connector.instanceLabels" . }}
app.kubernetes.io/component: connector
{{- end }}

{{- define "teams-kafka-connector.labels" -}}
{{ include "teams-kafka-connector.instanceLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "teams-kafka-connector.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "teams-kafka-connector.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "teams-kafka-connector.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* The number behind the last colon of ADMIN_ADDRESS. */}}
{{- define "teams-kafka-connector.adminPort" -}}
{{- .Values.settings.ADMIN_ADDRESS | default ":8080" | splitList ":" | last }}
{{- end }}

{{/* SHUTDOWN_TIMEOUT in whole seconds, rounded up: what Go's time.ParseDuration reads, and days. */}}
{{- define "teams-kafka-connector.shutdownSeconds" -}}
{{- $seconds := 0.0 }}
{{- $unit := dict "d" 86400.0 "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 }}
{{- range regexFindAll "[0-9.]+[a-z]+" (.Values.settings.SHUTDOWN_TIMEOUT | default "20s") -1 }}
{{- $seconds = addf $seconds (mulf (regexFind "[0-9.]+" . | float64) (get $unit (regexFind "[a-z]+" .))) }}
{{- end }}
{{- ceil $seconds | int64 }}
{{- end }}

{{- define "teams-kafka-connector.gracePeriod" -}}
{{- $least := include "teams-kafka-connector.shutdownSeconds" . | int64 }}
{{- $grace := .Values.terminationGracePeriodSeconds | default (add $least 10) | int64 }}
{{- if le $grace $least }}
{{- fail (printf "terminationGracePeriodSeconds is %d: it must be more than SHUTDOWN_TIMEOUT, %d s, or the last commit is cut off" $grace $least) }}
{{- end }}
{{- $grace }}
{{- end }}

{{/* Nine tenths of the memory limit, in bytes; empty without one. The rest is for what Go does not count. */}}
{{- define "teams-kafka-connector.goMemoryLimit" -}}
{{- with (.Values.resources.limits).memory }}
{{- $unit := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 }}
{{- $limit := toString . }}
{{- $bytes := mulf (regexFind "^[0-9.]+([eE][+]?[0-9]+)?" $limit | float64) (get $unit (regexFind "[a-zA-Z]*$" $limit)) }}
{{- mulf $bytes 0.9 | floor | int64 }}
{{- end }}
{{- end }}

{{/* The file that a variable of .Values.files names. */}}
{{- define "teams-kafka-connector.fileName" -}}
{{- lower . | replace "_" "-" }}
{{- end }}

{{/* The environment of the connector, and of the test. */}}
{{- define "teams-kafka-connector.env" -}}
{{- $from := .Values.settingsFrom }}
{{- $files := .Values.files }}
{{- range $name, $value := .Values.settings }}
{{- if or (hasKey $from $name) (hasKey $files $name) }}
{{- fail (printf "%s is set more than once: in settings, settingsFrom or files" $name) }}
{{- end }}
- name: {{ $name }}
  {{- if and (kindIs "float64" $value) (eq (floor $value) (float64 $value)) }}
  value: {{ int64 $value | quote }}
  {{- else }}
  {{- /* $( would be a reference to another variable. */}}
  value: {{ toString $value | replace "$(" "$$(" | quote }}
  {{- end }}
{{- end }}
{{- range $name, $of := $from }}
{{- if hasKey $files $name }}
{{- fail (printf "%s is set more than once: in settingsFrom and files" $name) }}
{{- end }}
- name: {{ $name }}
  valueFrom:
    {{- if $of.secret }}
    secretKeyRef:
      name: {{ $of.secret }}
    {{- else }}
    configMapKeyRef:
      name: {{ $of.configMap }}
    {{- end }}
      key: {{ $of.key | quote }}
{{- end }}
{{- range $name, $of := $files }}
- name: {{ $name }}
  value: /etc/teams-kafka-connector/{{ include "teams-kafka-connector.fileName" $name }}
{{- end }}
{{- with include "teams-kafka-connector.goMemoryLimit" . }}
- name: GOMEMLIMIT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{/* What the connector's pod and the test's pod share of a pod's spec. */}}
{{- define "teams-kafka-connector.podSpec" -}}
serviceAccountName: {{ include "teams-kafka-connector.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .Values.files .Values.extraVolumes }}
volumes:
  {{- if .Values.files }}
  # One volume, not mounted by subPath, so that a changed Secret reaches the running process.
  - name: files
    projected:
      defaultMode: 0440
      sources:
        {{- range $name, $of := .Values.files }}
        {{- if $of.secret }}
        - secret:
            name: {{ $of.secret }}
        {{- else }}
        - configMap:
            name: {{ $of.configMap }}
        {{- end }}
            items:
              - key: {{ $of.key | quote }}
                path: {{ include "teams-kafka-connector.fileName" $name }}
        {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What the connector's container and the test's container share. */}}
{{- define "teams-kafka-connector.container" -}}
image: {{ include "teams-kafka-connector.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- with include "teams-kafka-connector.env" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- tpl (toYaml .) $ | nindent 2 }}
{{- end }}
{{- if or .Values.files .Values.extraVolumeMounts }}
volumeMounts:
  {{- if .Values.files }}
  - name: files
    mountPath: /etc/teams-kafka-connector
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Labels of every pod, besides those by which it is selected. */}}
{{- define "teams-kafka-connector.podLabels" -}}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- if .Values.workloadIdentity.enabled }}
azure.workload.identity/use: "true"
{{- end }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
