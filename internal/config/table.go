package config

import (
	"errors"
	"fmt"
	"strings"
)

// Sentences is what the documentation says of a variable besides its name and default.
func (s Setting) Sentences() string {
	doc := s.Doc
	if s.Secret {
		doc += " Secret; " + s.Name + fileSuffix + " names a file that holds it instead."
	}
	switch s.Tenant {
	case Own:
		doc += " Each tenant's own."
	case Override:
		doc += " Can differ by tenant."
	}
	return doc
}

// Markdown is the table of all variables for the documentation.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | what it is |\n|---|---|---|\n")
	for _, s := range All() {
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s For example `%s`. |\n", s.Name, def, strings.ReplaceAll(s.Sentences(), "|", `\|`), s.Example)
	}
	return b.String()
}

// The lines between which the table stands in a page.
const (
	tableBegins = "<!-- configuration: generated from internal/config/settings.go by go generate -->\n"
	tableEnds   = "<!-- end of configuration -->\n"
)

// InsertTable puts the present table into a page, between its two marks.
func InsertTable(page string) (string, error) {
	before, rest, begins := strings.Cut(page, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", errors.New("the page has no place for the table of variables")
	}
	return before + tableBegins + Markdown() + tableEnds + after, nil
}
