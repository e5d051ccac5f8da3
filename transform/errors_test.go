package transform

import (
	"errors"
	"strings"
	"testing"
)

func isMalformed(err error) bool { return errors.Is(err, ErrMalformed) }

// TestErrors_HoldNoValueOfTheItem: error texts go to logs, values must not (invariant 7).
func TestErrors_HoldNoValueOfTheItem(t *testing.T) {
	items := map[string]error{
		`{"createdDateTime":"hunter2"}`:                       ErrTime,
		`{"deletedDateTime":["hunter2"]}`:                     ErrTime,
		`{"subject":"hunter2","subject":"hunter2"}`:           ErrMalformed,
		`{"subject":"hunter2`:                                 ErrMalformed,
		`{"hunter2":tru}`:                                     ErrMalformed,
		`"hunter2"`:                                           ErrMalformed,
		`{"a":{"hunter2":1,"hunter2":2}}`:                     ErrMalformed,
		`{"hunter2\ud800":"hunter2"}`:                         ErrMalformed,
		"{\"subject\":\"hunter2\xff\"}":                       ErrMalformed,
		`{"lastEditedDateTime":20210525,"subject":"hunter2"}`: ErrTime,
	}
	for item, want := range items {
		_, _, err := Message([]byte(item), Policy{})
		if !errors.Is(err, want) || !IsDeadLetter(err) {
			t.Errorf("%s: want %v, got %v", item, want, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error gives it away: %v", item, err)
		}
		if _, err := Identify([]byte(item)); !errors.Is(err, ErrUnidentified) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: Identify: %v", item, err)
		}
	}
	_, _, err := Message([]byte(`{"lastModifiedDateTime":"no"}`), Policy{})
	if err == nil || !strings.Contains(err.Error(), "lastModifiedDateTime") {
		t.Errorf("the error does not name the property: %v", err)
	}
}
