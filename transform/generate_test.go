package transform

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// graphType is a type of Graph as the inventory of package schema tells it.
type graphType struct {
	properties []graphProperty
}

type graphProperty struct{ name, kind string }

// graphTypes reads the inventory. A type has the properties of those it extends, and as anything
// declared as an identity or an event may be any kind of it, identity and eventMessageDetail have the
// properties of all types that extend them.
func graphTypes(t testing.TB) map[string]graphType {
	t.Helper()
	file, err := os.Open("../schema/testdata/inventory.csv")
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
	own := map[string][]graphProperty{}
	extends := map[string]string{}
	for _, row := range rows[1:] {
		extends[row[0]] = row[1]
		if row[2] != "" {
			own[row[0]] = append(own[row[0]], graphProperty{row[2], row[3]})
		}
	}
	types := map[string]graphType{}
	for name := range extends {
		var properties []graphProperty
		for of := name; of != ""; of = extends[of] {
			if of == "chatMessage" || of == "identity" || of == "identitySet" || of == "eventMessageDetail" {
				properties = append(properties, graphProperty{"@odata.type", "String"}) // Graph says it where types vary
			}
		}
		for of := name; of != ""; of = extends[of] {
			properties = append(properties, own[of]...)
		}
		if name == "eventMessageDetail" {
			for derived, base := range extends {
				if base == name {
					properties = append(properties, own[derived]...)
				}
			}
		}
		slices.SortFunc(properties, func(a, b graphProperty) int { return strings.Compare(a.name, b.name) })
		types[name] = graphType{slices.Compact(properties)}
	}
	if len(types["eventMessageDetail"].properties) < 25 || len(types["chatMessage"].properties) != 24 {
		t.Fatalf("the inventory has %d event and %d message properties", len(types["eventMessageDetail"].properties),
			len(types["chatMessage"].properties))
	}
	return types
}

// generator draws items: every property of the type, present or not, mostly of the right kind,
// sometimes of another, with others among them that the type does not have, in all the notations JSON
// allows.
type generator struct {
	*rapid.T
	types map[string]graphType
}

func (g generator) item() string {
	// Its own times must be times, or there is no record.
	return g.object("chatMessage", func(p graphProperty) bool { return p.kind == "DateTimeOffset" })
}

func (g generator) object(of string, wellTyped func(graphProperty) bool) string {
	var out strings.Builder
	out.WriteString(g.space() + "{" + g.space())
	used := map[string]bool{}
	first := true
	member := func(name, value string) {
		if used[name] {
			return
		}
		used[name] = true
		if !first {
			out.WriteString("," + g.space())
		}
		first = false
		out.WriteString(g.quote(name) + g.space() + ":" + g.space() + value + g.space())
	}
	properties := rapid.Permutation(g.types[of].properties).Draw(g.T, "order")
	presence := rapid.IntRange(0, 10).Draw(g.T, "presence")
	for _, p := range properties {
		if g.chance(11-presence, 12) {
			continue
		}
		switch {
		case g.chance(1, 12):
			member(p.name, "null")
		case g.chance(1, 25) && !wellTyped(p):
			member(p.name, g.any(2))
		default:
			member(p.name, g.value(p.kind))
		}
		if g.chance(1, 25) {
			member(rapid.SampledFrom(strangeNames).Draw(g.T, "name"), g.any(3))
		}
	}
	return out.String() + "}" + g.space()
}

// strangeNames are names no type has.
var strangeNames = []string{
	"", "/", "~", "~1", "a/b~c", "odataType", "unmapped", "callDurationMillis", "@odata.context", "ID", "tenantid",
	"members@odata.count", "replies", "hostedContents", "имя", "\u0000", "a\"b\\c", "0", "-", "😀",
}

func (g generator) value(kind string) string {
	anything := func(graphProperty) bool { return false }
	if element, ok := strings.CutPrefix(kind, "Collection("); ok {
		element = strings.TrimSuffix(element, ")")
		elements := make([]string, rapid.IntRange(0, 3).Draw(g.T, "elements"))
		for i := range elements {
			elements[i] = g.value(element)
			if g.chance(1, 20) {
				elements[i] = g.any(1)
			}
		}
		return "[" + g.space() + strings.Join(elements, ",") + g.space() + "]"
	}
	switch kind {
	case "String", "enum":
		return g.text()
	case "DateTimeOffset":
		return g.time()
	case "Duration":
		return g.quote(rapid.SampledFrom([]string{"PT59S", "PT40M19.26S", "P1DT2H", "P1Y", "", "soon", "-PT0.0001S"}).Draw(g.T, "duration"))
	case "Boolean":
		return rapid.SampledFrom([]string{"true", "false"}).Draw(g.T, "boolean")
	case "Int32":
		return g.number()
	case "identity":
		return g.object(rapid.SampledFrom([]string{"identity", "teamworkUserIdentity", "teamworkApplicationIdentity",
			"teamworkConversationIdentity", "teamworkTagIdentity"}).Draw(g.T, "identity"), anything)
	}
	return g.object(kind, anything)
}

func (g generator) time() string {
	base := rapid.SampledFrom([]string{"2024-02-14T22:07:36", "0001-01-01T00:00:00", "9999-12-31T23:59:59",
		"1969-12-31T23:59:59", "2000-02-29T12:00:00"}).Draw(g.T, "second")
	fraction := rapid.SampledFrom([]string{"", ".1", ".26", ".123", ".1230000", ".1234567", ".0000000001"}).Draw(g.T, "fraction")
	zone := rapid.SampledFrom([]string{"Z", "Z", "Z", "+00:00"}).Draw(g.T, "zone")
	return `"` + base + fraction + zone + `"`
}

func (g generator) number() string {
	return rapid.SampledFrom([]string{"0", "1", "-1", "-0", "2147483647", "2147483648", "-2147483648", "1.0", "1e3",
		"0.10", "123456789012345678901234567890"}).Draw(g.T, "number")
}

func (g generator) text() string {
	switch {
	case g.chance(1, 40):
		return rapid.SampledFrom([]string{`"\ud800"`, `"\udc00x"`, `"a\ud83d"`, `"\ud83d\u0041"`}).Draw(g.T, "half pair")
	case g.chance(1, 20):
		return `"\ud83d\ude00\/\b\f\u0000\u00e9"`
	}
	return g.quote(rapid.String().Draw(g.T, "text"))
}

// quote writes a string, sometimes with escapes where none are needed.
func (g generator) quote(s string) string {
	escaping := g.chance(1, 8)
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case r == '\n':
			out.WriteString(`\n`)
		case r < 0x20, escaping && r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// any draws a value of any kind.
func (g generator) any(depth int) string {
	kind := rapid.IntRange(0, 6).Draw(g.T, "kind")
	if depth == 0 && kind > 4 {
		kind = 0
	}
	switch kind {
	case 0:
		return g.number()
	case 1:
		return "true"
	case 2:
		return "null"
	case 3, 4:
		return g.text()
	case 5:
		return "[" + g.space() + g.any(depth-1) + "," + g.any(depth-1) + "]"
	default:
		return "{" + g.quote("k") + ":" + g.any(depth-1) + "," + g.quote("null") + ":null}"
	}
}

func (g generator) space() string {
	if g.chance(1, 15) {
		return rapid.SampledFrom([]string{" ", "\n", "\t\r", "  \n\n   "}).Draw(g.T, "space")
	}
	return ""
}

func (g generator) chance(n, of int) bool {
	return rapid.IntRange(1, of).Draw(g.T, "chance 1/"+strconv.Itoa(of)) <= n
}
