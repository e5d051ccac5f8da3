// Command objectschema writes JSON schemas of Kubernetes' objects, for kubeconform on a machine without its download: from
// Kubernetes' OpenAPI document (swagger.json) and from custom resource definitions in JSON. It refuses fields that it does not
// know, as the API server does with strict validation.
//
//	objectschema FOLDER swagger.json podmonitors-crd.json …
//
// A schema's name is that which kubeconform asks for with {{.ResourceKind}}{{.KindSuffix}}: deployment-apps-v1.json.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: objectschema FOLDER FILE...")
		os.Exit(2)
	}
	for _, file := range os.Args[2:] {
		if err := convert(os.Args[1], file); err != nil {
			fmt.Fprintf(os.Stderr, "objectschema: %s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

// schema is a JSON schema, of which only some keys matter here.
type schema = map[string]any

// kind names a kind of object.
type kind struct{ Group, Version, Kind string }

func convert(folder, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document struct {
		Definitions map[string]schema // of OpenAPI
		Spec        struct {          // of a custom resource definition
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPI schema `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	for _, version := range document.Spec.Versions {
		k := kind{document.Spec.Group, version.Name, document.Spec.Names.Kind}
		if err := write(folder, k, closed(version.Schema.OpenAPI), nil); err != nil {
			return err
		}
	}
	definitions := make(schema)
	for name, of := range document.Definitions {
		switch {
		case strings.HasSuffix(name, ".Quantity"): // written as 1 as well
			definitions[name] = schema{"type": []string{"string", "number"}}
		default:
			definitions[name] = closed(of)
		}
	}
	for name, of := range document.Definitions {
		kinds, _ := of["x-kubernetes-group-version-kind"].([]any)
		if of["properties"] == nil || len(kinds) != 1 { // of several kinds are DeleteOptions and the like
			continue
		}
		k, _ := kinds[0].(schema)
		group, _ := k["group"].(string)
		version, _ := k["version"].(string)
		named, _ := k["kind"].(string)
		if err := write(folder, kind{group, version, named}, schema{"$ref": "#/definitions/" + name}, definitions); err != nil {
			return err
		}
	}
	if len(document.Spec.Versions)+len(document.Definitions) == 0 {
		return errors.New("it is neither an OpenAPI document nor a custom resource definition")
	}
	return nil
}

// write writes the schema of a kind with the definitions it leads to.
func write(folder string, k kind, of schema, definitions schema) error {
	whole := schema{"$schema": "http://json-schema.org/draft-07/schema#", "allOf": []any{of}}
	needed := make(schema)
	collect(of, definitions, needed)
	if len(needed) > 0 {
		whole["definitions"] = needed
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	name := k.Kind
	if k.Group != "" {
		group, _, _ := strings.Cut(k.Group, ".")
		name += "-" + group
	}
	return os.WriteFile(filepath.Join(folder, strings.ToLower(name+"-"+k.Version)+".json"), text, 0o644)
}

// collect adds the definitions that a schema leads to.
func collect(of any, from, needed schema) {
	switch of := of.(type) {
	case schema:
		if ref, ok := of["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, "#/definitions/")
			if _, known := needed[name]; !known {
				needed[name] = from[name]
				collect(from[name], from, needed)
			}
		}
		for _, value := range of {
			collect(value, from, needed)
		}
	case []any:
		for _, value := range of {
			collect(value, from, needed)
		}
	}
}

// closed is a schema that refuses unknown fields, without the marks that only Kubernetes understands.
func closed(of schema) schema {
	if of["x-kubernetes-int-or-string"] == true || of["format"] == "int-or-string" {
		return schema{"type": []string{"string", "integer"}}
	}
	out := make(schema)
	for key, value := range of {
		switch key {
		case "type", "enum", "required", "$ref", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems":
			out[key] = value
		case "items", "additionalProperties":
			if inner, ok := value.(schema); ok {
				value = closed(inner)
			}
			out[key] = value
		case "properties":
			properties := make(schema)
			for name, inner := range value.(schema) {
				properties[name] = closed(inner.(schema))
			}
			out[key] = properties
			if of["additionalProperties"] == nil && of["x-kubernetes-preserve-unknown-fields"] != true {
				out["additionalProperties"] = false
			}
		}
	}
	return out
}
