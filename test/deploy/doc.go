// Package deploy tests what is deployed: the image, the Helm chart, the alerts and the dashboard, with the tools that
// operators use. What needs a tool that is not everywhere stands behind a build tag:
//
//   - none: files against files. Every setting is in the chart, every alert has its section in the runbook, every metric
//     that an alert or the dashboard names is one that the connector has.
//   - deploy: a container engine (CONTAINER_ENGINE, by default docker), to build the image and run it; and a Chromium, to look
//     at the admin page.
//   - no Go test, but the script chart: helm, helm-unittest, kubeconform, helm-docs and promtool on the chart and the alerts.
//     The folder tools pins them as a module of its own, and kubernetes and the operator's objects, of which the folder
//     objectschema makes JSON schemas.
//
// It must not know how the connector works: it looks at files, exit codes, addresses and topics.
package deploy

//go:generate cp ../../deploy/prometheus/alerts.yaml ../../deploy/helm/teams-kafka-connector/files/alerts.yaml
//go:generate cp ../../deploy/grafana/dashboard.json ../../deploy/helm/teams-kafka-connector/files/dashboard.json
