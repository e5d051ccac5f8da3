// Command chart writes the names of all variables into the Helm chart's values.schema.json, which its argument names: the
// definitions settings, settingsFrom and files. The rest of the schema stays as it is.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/teams-kafka/connector/internal/config"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func write(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	updated, err := insert(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, updated, 0o644)
}

// insert puts the present names into a schema. Of what it does not write, only the order of the outermost keys changes.
func insert(schema []byte) ([]byte, error) {
	var whole, defs map[string]json.RawMessage
	if err := json.Unmarshal(schema, &whole); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(whole["$defs"], &defs); err != nil {
		return nil, fmt.Errorf("$defs: %w", err)
	}
	var err error
	for name, of := range definitions() {
		if defs[name], err = encode(of); err != nil {
			return nil, err
		}
	}
	if whole["$defs"], err = encode(defs); err != nil {
		return nil, err
	}
	return encode(whole)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return b.Bytes(), err
}

// definition is the schema of a map whose keys are names of variables.
type definition struct {
	Comment    string         `json:"$comment"`
	Type       string         `json:"type"`
	Additional bool           `json:"additionalProperties"`
	Properties map[string]any `json:"properties"`
	// Patterns are the names with a tenant's alias in front.
	Patterns map[string]any `json:"patternProperties"`
	tenants  []string
}

// value is the schema of a variable whose value is in the chart's values.
type value struct {
	Description string   `json:"description"`
	Type        []string `json:"type"`
}

// reference is the schema of what is found in an object of the cluster.
type reference struct {
	Ref string `json:"$ref"`
}

// definitions are: what can be set to a value, which is all but the secrets; what can be taken from an object of the
// cluster, which is all; and what names a file, which the chart can mount.
func definitions() map[string]definition {
	settings, from, files := newDefinition(), newDefinition(), newDefinition()
	anything, object := []string{"string", "number", "boolean"}, reference{"#/$defs/objectKey"}
	for _, s := range config.All() {
		from.add(s.Name, s.Tenant, object)
		if s.Secret {
			settings.add(s.FileVariable(), s.Tenant, value{"File that holds what is otherwise in " + s.Name + ": " + s.Doc, []string{"string"}})
			files.add(s.FileVariable(), s.Tenant, object)
			continue
		}
		settings.add(s.Name, s.Tenant, value{describe(s), anything})
		if strings.HasSuffix(s.Name, "_FILE") || strings.HasSuffix(s.Name, "_PATH") {
			files.add(s.Name, s.Tenant, object)
		}
	}
	settings.finish(map[string][]string{"type": anything})
	from.finish(object)
	files.finish(object)
	return map[string]definition{"settings": *settings, "settingsFrom": *from, "files": *files}
}

func newDefinition() *definition {
	return &definition{Comment: "Generated from internal/config/settings.go by go generate.", Type: "object", Properties: make(map[string]any)}
}

func (d *definition) add(name string, scope config.TenantScope, of any) {
	d.Properties[name] = of
	if scope != config.Shared {
		d.tenants = append(d.tenants, regexp.QuoteMeta(name))
	}
}

// finish allows the names that can differ by tenant with an alias in front.
func (d *definition) finish(of any) {
	slices.Sort(d.tenants)
	d.Patterns = map[string]any{"^[A-Z][A-Z0-9]{0,29}_(" + strings.Join(d.tenants, "|") + ")$": of}
}

func describe(s config.Setting) string {
	if s.Default == "" {
		return s.Sentences()
	}
	return s.Sentences() + " Default: " + s.Default
}
