package document

import (
	"slices"
	"testing"
)

func TestBlocks_AreWhatStandsApart(t *testing.T) {
	const page = "# Page\n\nText.\n<!-- run by: here TestA -->\n\n    one\n\n    two # <!-- not a mark -->\nText.\n\n" +
		"## Part\n\n<!-- needs: a thing -->\n```sh\nthree\n\n    four\n```\n```\nfive\n```\n\n* item\n  goes on\n\n    six\n"
	want := []Block{
		{"", 6, false, "run by: here TestA", "one\n\ntwo # <!-- not a mark -->\n"},
		{"Part", 15, true, "needs: a thing", "three\n\n    four\n"},
		{"Part", 20, true, "", "five\n"},
		{"Part", 26, false, "", "six\n"},
	}
	if got := blocks(page); !slices.Equal(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}
