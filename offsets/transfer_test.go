package offsets

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var exported = time.UnixMilli(1800000000000)

// An export that was taken once can be brought back for ever: these bytes must not change.
func TestLines_Version1IsReadForEver(t *testing.T) {
	const line = `{"connector":"teams","partition":{"tenant":"t","user":"ada@contoso.com"},"offset":{"mark.1.5s":1700000003000,"mark.10m":1700000001000,"mark.2h":1700000002000,"start":1700000000000,"version":1,"window.done":5,"window.from":1,"window.to":9}}` + "\n"
	if got := string(AppendLine(nil, Key{"teams", "t", "ada@contoso.com"}, full)); got != line {
		t.Errorf("written as %s", got)
	}
	got, err := ParseLines(strings.NewReader(line+"\n"), "teams", "t", exported)
	want := full.Clone()
	want.Marks = []Mark{full.Marks[2], full.Marks[0], full.Marks[1]}
	if err != nil || !reflect.DeepEqual(got, map[string]Position{"ada@contoso.com": want}) {
		t.Errorf("read as %+v, %v", got, err)
	}
}

func TestParseLines_TakesAllOrNothingAndNamesEachWrongLine(t *testing.T) {
	const good = `{"connector":"teams","partition":{"tenant":"t","user":"ada"},"offset":{"version":1,"start":5}}`
	for name, c := range map[string]struct{ file, says string }{
		"nothing":           {"\n \n", "there is no line"},
		"no JSON":           {good + "\nnonsense", "line 2"},
		"cut off":           {good[:len(good)-2], "line 1"},
		"two objects":       {good + good, "something follows"},
		"another field":     {`{"connector":"teams","partition":{"tenant":"t","user":"ada"},"offset":{"version":1,"start":5},"x":1}`, `"x"`},
		"no user":           {`{"connector":"teams","partition":{"tenant":"t"},"offset":{"version":1,"start":5}}`, "names no user"},
		"no offset":         {`{"connector":"teams","partition":{"tenant":"t","user":"ada"}}`, "not a JSON object"},
		"another tenant":    {strings.Replace(good, `"t"`, `"u"`, 1), `tenant "u"`},
		"another connector": {strings.Replace(good, "teams", "slack", 1), `connector "slack"`},
		"user twice":        {good + "\n" + good, "user ada is in line 1 already"},
		"a newer version":   {strings.Replace(good, `"version":1`, `"version":2`, 1), "version 2 was written by a newer connector"},
		"an unknown field":  {strings.Replace(good, `"start":5`, `"start":5,"later":1`, 1), `field "later" is not known`},
		"the future":        {strings.Replace(good, `"start":5`, `"start":1800000000001`, 1), "lies in the future"},
		"a window's future": {strings.Replace(good, `"start":5`, `"start":5,"window.from":5,"window.done":5,"window.to":1800000000001`, 1), "lies in the future"},
		"a line too long":   {good + "\n" + strings.Repeat(" ", maxLine+1), "after line 1"},
	} {
		positions, err := ParseLines(strings.NewReader(c.file), "teams", "t", exported)
		if !errors.Is(err, ErrTransfer) || positions != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v", name, positions, err)
		}
	}
	_, err := ParseLines(strings.NewReader(strings.Repeat("x\n", 1000)), "teams", "t", exported)
	if n := strings.Count(err.Error(), "\n"); n > maxComplain+2 {
		t.Errorf("the error has %d lines", n)
	}
}
