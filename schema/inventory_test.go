package schema

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// property is one property of one of Graph's types.
type property struct {
	of, extends string // the type, and the one it extends
	name, kind  string // empty for a type without its own properties
	nullable    bool
}

// inventory reads what chatMessage is made of, in the project's own form.
func inventory(t *testing.T) []property {
	t.Helper()
	file, err := os.Open("testdata/inventory.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comment = '#'
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var properties []property
	for _, row := range rows[1:] {
		properties = append(properties, property{row[0], row[1], row[2], row[3], row[4] == "yes"})
	}
	if len(properties) < 150 {
		t.Fatalf("the inventory has only %d lines", len(properties))
	}
	return properties
}

// recordOf is the record type of a type of Graph.
func recordOf(p property) string {
	switch p.of {
	case "chatMessageFromIdentitySet", "chatMessageMentionedIdentitySet", "chatMessageReactionIdentitySet":
		return "IdentitySet"
	case "entity":
		return "ChatMessage"
	case "teamworkTagIdentity":
		return "Identity"
	}
	if p.extends == "eventMessageDetail" {
		return "EventMessageDetail"
	}
	return strings.ToUpper(p.of[:1]) + p.of[1:]
}

// TestEveryPropertyOfGraphHasItsField names any property of chatMessage, and of the types it reaches,
// that has no field, or one of another type.
func TestEveryPropertyOfGraphHasItsField(t *testing.T) {
	properties := inventory(t)
	records := recordTypes(t)
	recordOfType := map[string]string{}
	for _, p := range properties {
		recordOfType[p.of] = recordOf(p)
	}
	// Where an identity is declared, one of its kinds is sent.
	slots := map[string]string{"user": "TeamworkUserIdentity", "application": "TeamworkApplicationIdentity"}
	var typeOf func(p property, kind string) string
	typeOf = func(p property, kind string) string {
		if element, ok := strings.CutPrefix(kind, "Collection("); ok {
			return "array of " + typeOf(p, strings.TrimSuffix(element, ")"))
		}
		switch kind {
		case "String", "enum", "Duration":
			return "string"
		case "DateTimeOffset":
			return "timestamp-millis"
		case "Boolean":
			return "boolean"
		case "Int32":
			return "int"
		case "identity":
			if slot, ok := slots[p.name]; ok {
				return slot
			}
		}
		return recordOfType[kind]
	}
	for _, p := range properties {
		record, ok := records[recordOf(p)]
		if !ok {
			t.Errorf("%s has no record type", p.of)
			continue
		}
		if p.name == "" {
			continue
		}
		field, ok := record.field(p.name)
		if !ok {
			t.Errorf("%s.%s has no field", p.of, p.name)
			continue
		}
		if got, want := describe(t, field.Type), typeOf(p, p.kind); got != want {
			t.Errorf("%s.%s is a %s, and the field a %s; want %s", p.of, p.name, p.kind, got, want)
		}
		if p.kind == "Duration" {
			millis, ok := record.field(p.name + "Millis")
			if !ok || describe(t, millis.Type) != "long" {
				t.Errorf("%s.%s has no milliseconds beside it", p.of, p.name)
			}
		}
	}
}

// TestIdentitiesHaveKindAndTenant: open types whose further properties are known from what Graph sends.
func TestIdentitiesHaveKindAndTenant(t *testing.T) {
	records := recordTypes(t)
	for record, fields := range map[string][]string{
		"TeamworkUserIdentity":         {"odataType", "userIdentityType", "tenantId"},
		"TeamworkApplicationIdentity":  {"odataType", "applicationIdentityType", "tenantId"},
		"TeamworkConversationIdentity": {"odataType", "conversationIdentityType", "tenantId"},
		"Identity":                     {"odataType", "tenantId"},
		"IdentitySet":                  {"odataType", "user", "application", "device", "conversation", "tag"},
		"EventMessageDetail":           {"odataType"},
		"ChatMessage":                  {"odataType", "unmapped"},
	} {
		for _, name := range fields {
			if _, ok := records[record].field(name); !ok {
				t.Errorf("%s has no %s", record, name)
			}
		}
	}
}

// csdl is what matters here of Graph's metadata.
type csdl struct {
	Enums    []csdlType `xml:"DataServices>Schema>EnumType"`
	Entities []csdlType `xml:"DataServices>Schema>EntityType"`
	Complex  []csdlType `xml:"DataServices>Schema>ComplexType"`
}

type csdlType struct {
	Name       string `xml:",attr"`
	BaseType   string `xml:",attr"`
	Properties []struct {
		Name     string `xml:",attr"`
		Type     string `xml:",attr"`
		Nullable string `xml:",attr"`
	} `xml:"Property"`
}

// TestInventoryIsWhatGraphPublishes compares the inventory with Graph's metadata, where that is at hand.
func TestInventoryIsWhatGraphPublishes(t *testing.T) {
	text, err := os.ReadFile("../../shared/graph/chatmessage.csdl.xml")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("Graph's metadata is not here")
	} else if err != nil {
		t.Fatal(err)
	}
	var metadata csdl
	if err := xml.Unmarshal(text, &metadata); err != nil {
		t.Fatal(err)
	}
	enums := map[string]bool{}
	for _, enum := range metadata.Enums {
		enums[enum.Name] = true
	}
	plain := strings.NewReplacer("graph.", "", "Edm.", "")
	var published []property
	for _, of := range slices.Concat(metadata.Entities, metadata.Complex) {
		if of.Name == "chatMessageHostedContent" || of.Name == "teamworkHostedContent" {
			continue // reached by navigation only
		}
		p := property{of: of.Name, extends: plain.Replace(of.BaseType)}
		if len(of.Properties) == 0 {
			published = append(published, p)
		}
		for _, own := range of.Properties {
			p.name, p.kind, p.nullable = own.Name, plain.Replace(own.Type), own.Nullable != "false"
			if enums[p.kind] {
				p.kind = "enum"
			}
			published = append(published, p)
		}
	}
	own := inventory(t)
	for _, p := range published {
		if !slices.Contains(own, p) {
			t.Errorf("published, but not in the inventory: %+v", p)
		}
	}
	for _, p := range own {
		if !slices.Contains(published, p) {
			t.Errorf("in the inventory, but not published: %+v", p)
		}
	}
}
