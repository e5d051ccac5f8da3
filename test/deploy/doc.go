// Package deploy tests what is deployed: the image, the Helm chart, the alerts and the dashboard, with the tools that
// operators use. What needs a tool that is not everywhere needs a build tag:
//
//   - none: files against files. Every setting is in the chart, every alert has its section in the runbook, every metric
//     that an alert or the dashboard names is one that the connector has.
//   - deploy: a container engine (CONTAINER_ENGINE, by default docker), to build the image and run it, with GO_IMAGE, BASE_IMAGE and
//     GOPROXY for a build that cannot reach the registries; a Chromium, to look at the admin page; and a cluster, to install the
//     chart on.
//   - no Go test, but the script chart: helm, helm-unittest, kubeconform, helm-docs and promtool on the chart and the alerts.
//     The folder tools pins them as its own module, and kubernetes and the operator's objects, of which the folder
//     objectschema makes JSON schemas.
//
// The cluster is any Kubernetes that may be played with and whose pods reach this machine, such as one node of kind. The test makes
// the namespace chat, which must not be there, and deletes it. Simulator, Kafka and registry run in the test itself. It needs
// kubectl, helm 4, a container engine, and:
//
//	KUBECONFIG    as for kubectl
//	CLUSTER_HOST  this machine's address as the pods see it; without it the test is skipped, so that nobody's cluster is taken
//	              by mistake. kind: the gateway of its network, docker network inspect kind.
//	CLUSTER_LOAD  a command that, with the image's name behind it, brings the image to the nodes. kind: kind load docker-image.
//	CLUSTER_KILL  a command that, with a container's id behind it, kills its process on the node; without it that part is
//	              skipped. kind: docker exec kind-control-plane ctr -n k8s.io tasks kill -s SIGKILL.
//
//	go test -tags deploy -run Cluster -v -count 1 -timeout 20m ./test/deploy
//
// It must not know how the connector works: it looks at files, exit codes, addresses and topics.
package deploy

//go:generate cp ../../deploy/prometheus/alerts.yaml ../../deploy/helm/teams-kafka-connector/files/alerts.yaml
//go:generate cp ../../deploy/grafana/dashboard.json ../../deploy/helm/teams-kafka-connector/files/dashboard.json
