package config

import (
	"fmt"
	"strings"
)

// Sentences returns what the documentation says of a variable besides its name and default.
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

// IfWrong returns what happens if the variable is accepted but wrong.
func (s Setting) IfWrong() string { return consequences[s.Name] }

// accepted returns the type and the range of a variable, for people.
func (s Setting) accepted() string {
	switch {
	case s.Range == "":
		return s.Type
	case s.Type == "choice" || s.Type == "boolean":
		choices := strings.Split(s.Range, ", ")
		return "`" + strings.Join(choices, "`, `") + "`"
	}
	return s.Type + ", " + s.Range
}

// groups returns the names of the groups in their order.
func groups() []string {
	var names []string
	for _, s := range All() {
		if len(names) == 0 || names[len(names)-1] != s.Group {
			names = append(names, s.Group)
		}
	}
	return names
}

// anchor links to a variable in docs/configuration.md.
func anchor(page, name string) string {
	return fmt.Sprintf("[`%s`](%s#%s)", name, page, strings.ToLower(name))
}

// Short is the table of the main variables, which links to a page with all of them.
func Short(page string) string {
	var b strings.Builder
	b.WriteString("| variable | default | what it is |\n|---|---|---|\n")
	for _, s := range All() {
		if s.Main {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", anchor(page, s.Name), code(s.Default), s.Doc)
		}
	}
	return b.String()
}

// Markdown describes all variables by group, below a table of their names.
func Markdown() string {
	var index, sections strings.Builder
	index.WriteString("| group | variables |\n|---|---|\n")
	for _, group := range groups() {
		var names []string
		fmt.Fprintf(&sections, "\n## %s\n", group)
		for _, s := range All() {
			if s.Group == group {
				names = append(names, anchor("", s.Name))
				s.describe(&sections)
			}
		}
		fmt.Fprintf(&index, "| [%s](#%s) | %s |\n", group, strings.ReplaceAll(strings.ToLower(group), " ", "-"), strings.Join(names, ", "))
	}
	return index.String() + sections.String()
}

// describe writes the section of a variable.
func (s Setting) describe(b *strings.Builder) {
	def := "none"
	if s.Default != "" {
		def = code(s.Default)
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n* Accepts: %s\n* Default: %s\n* Example: `%s=%s`\n* If wrong: %s\n",
		s.Name, s.Sentences(), s.accepted(), def, s.Name, s.Example, s.IfWrong())
}

// code sets a value in a table as code; empty stays empty.
func code(value string) string {
	if value == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(value, "|", `\|`) + "`"
}

// The lines between which the generated text is in a page.
const (
	tableBegins = "<!-- configuration: generated from internal/config by go generate -->\n"
	tableEnds   = "<!-- end of configuration -->\n"
)

// Insert puts a generated text into a page, between its two marks.
func Insert(page, text string) (string, error) {
	before, rest, begins := strings.Cut(page, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fmt.Errorf("the page has no place for the variables: %q and %q", tableBegins, tableEnds)
	}
	return before + tableBegins + text + tableEnds + after, nil
}
