package worker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/source"
)

// One item that no parser takes costs itself: its page is cut into items all the same, the others become
// records, and it goes to the dead letters as it came, once, also after a restart (invariants 1, 2).
func TestSession_AnItemThatNoParserTakesIsADeadLetter(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	at := now.UTC().Format(time.RFC3339Nano)
	identified := func(rest string) string {
		return fmt.Sprintf(`{"id":"2","chatId":"19:a@thread.v2","etag":"%d","createdDateTime":%q,"lastModifiedDateTime":%q,%s}`, now.UnixMilli(), at, at, rest)
	}
	for name, bad := range map[string]string{
		"a raw control character":        identified("\"body\":{\"content\":\"a\x01b\"}"),
		"a control character in its id":  "{\"id\":\"2\x02\",\"chatId\":\"c\"}",
		"12,000 arrays deep":             identified(`"x":` + strings.Repeat("[", 12_000) + strings.Repeat("]", 12_000)),
		"12,000 arrays and nothing else": strings.Repeat("[", 12_000) + strings.Repeat("]", 12_000),
		"100,000 objects deep":           strings.Repeat(`{"id":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"NaN":                            identified(`"x":NaN`),
		"NaN and nothing else":           `NaN`,
		"a word":                         identified(`"x":undefined`),
		"null":                           `null`,
		"a time of another world":        `{"id":"2","chatId":"c","lastModifiedDateTime":"292277026596-12-04T15:30:07Z"}`,
		"a time before all times":        `{"id":"2","chatId":"c","lastModifiedDateTime":"0000-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configuration(t, "u")
			body := fmt.Sprintf(`{"value":[%s,%s,%s]}`, message("1", now), bad, message("3", now))
			page, err := source.ParsePage([]byte(body))
			if err != nil || len(page.Items) != 3 {
				t.Fatalf("%d items, %v", len(page.Items), err)
			}
			for range 2 { // the second time after a restart
				s := open(t, cfg)
				s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), page.Items...)
				s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), page.Items...)
				s.save(t)
			}
			if written, dead, seen := cfg.count(outcomeWritten), cfg.count(outcomeDeadLetter), cfg.count(outcomeSeen); written != 2 || dead != 1 || seen != 9 {
				t.Errorf("%d written, %d dead letters, %d seen; want 2, 1 and 9", written, dead, seen)
			}
			if !bytes.Equal(bytes.TrimSpace(page.Items[1]), []byte(bad)) {
				t.Error("the item is not as it came")
			}
		})
	}
}
