package demo

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// SimulatorHelp describes the whole simulator, except for its flags.
func SimulatorHelp() string {
	var b strings.Builder
	b.WriteString(`Run a simulator of the part of Microsoft Graph that the connector reads, over HTTPS with a new
certificate authority. It prints the environment that "connector run" needs to reach it and serves
until interrupted. The same seed, flags and clock give the same tenant. Only ca.pem, and a list of
users if there are thousands, is stored on disk: after a restart the same tenant begins a new life.

Requests to Graph and to the login endpoint:
`)
	endpoints(&b, graphsim.Endpoints())
	b.WriteString("\nRequests to the simulator itself, on the same address and without a token (details: docs/simulator.md):\n")
	endpoints(&b, graphsim.Controls())
	b.WriteString(`
A line of the ledger:
  {"chatId":"19:…","id":"1772442000123","etag":"1772442060456","seq":2,"time":1772442060456,"bodySha256":"…",
   "shown":[{"user":"…","at":"2026-03-02T10:01:03.1Z","to":1772442063000}]}
A change has "do" and, where it applies, "chatId", "id", "user", "content", "contentType", "system", "bad",
and "delayMillis" or "delayMillisOf": {"<user id>": 60000} for how late the copies become visible.

A client that names its process in the User-Agent, as "name/version (instance <id>)", is checked for
patience. A request counts as early if the process sends it more than 250 ms after its own 429 or 503
with Retry-After, and before that wait is over.

Behaviors, each with its default rate (0 to 1), set with --set name=rate. All except those marked * can
be changed while the simulator runs, with POST /_sim/settings:
`)
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, behavior := range graphsim.Behaviors() {
		mark := ""
		if behavior.Fixed {
			mark = "*"
		}
		fmt.Fprintf(t, "  %s%s\t%g\t%s\n", behavior.Name, mark, behavior.Default, behavior.Summary)
	}
	_ = t.Flush() // a strings.Builder accepts every write
	b.WriteString("\nEverything that is not a rate has its own flag, below.")
	return b.String()
}

func endpoints(b *strings.Builder, list []graphsim.Endpoint) {
	for _, e := range list {
		fmt.Fprintf(b, "  %s %s\n      %s\n", e.Method, e.Path, e.Summary)
	}
}
