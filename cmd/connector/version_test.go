package main

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

func TestVersion_NamesWhatTheBinaryIsAndWrites(t *testing.T) {
	r := runLine(t, strings.NewReader(""), "version")
	for _, want := range []string{"version    ", "commit     ", "date       ", "go         " + runtime.Version(), "schema     fingerprint ", "positions  version 1"} {
		if r.code != exitOK || !strings.Contains(r.out, want) {
			t.Errorf("exit code %d, want %q in\n%s%s", r.code, want, r.out, r.err)
		}
	}
	r = runLine(t, strings.NewReader(""), "version", "--json")
	var i identity
	if err := json.Unmarshal([]byte(r.out), &i); err != nil || i.Version != version() || len(i.SchemaFingerprint) != 16 || i.PositionsVersion != 1 {
		t.Errorf("%v: %s", err, r.out)
	}
}
