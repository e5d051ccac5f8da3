package config

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Usage lists every variable with its default and meaning, for --help.
func Usage() string {
	var b strings.Builder
	b.WriteString("Environment variables:\n")
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, s := range All() {
		def := s.Default
		if def == "" {
			def = "-"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", s.Name, def, s.Sentences())
	}
	_ = t.Flush()
	b.WriteString("\nWith GRAPH_TENANTS=contoso,fabrikam each tenant has its own variables, such as CONTOSO_AZURE_TENANT_ID.\n" +
		"In that case credentials and users are never read from unprefixed variables.\n")
	return b.String()
}
