package config

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Usage lists every variable by group, with its default and meaning, for --help.
func Usage() string {
	var b strings.Builder
	b.WriteString("Environment variables (docs/configuration.md says more):\n")
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	group := ""
	for _, s := range All() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(t, "\n%s:\n", group)
		}
		def := s.Default
		if def == "" {
			def = "-"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", s.Name, def, s.Sentences())
	}
	_ = t.Flush()
	b.WriteString("\nWith GRAPH_TENANTS=contoso,fabrikam each tenant has its own variables, such as CONTOSO_AZURE_TENANT_ID.\n" +
		"Credentials and users are then never read from unprefixed variables.\n")
	return b.String()
}
