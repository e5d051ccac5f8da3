package judge

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// The ledger of a small and busy tenant can be read whatever its seed, and names what a client that asked everybody's feed was
// shown, neither more nor less.
func TestLedger_OfAnySeed(t *testing.T) {
	for seed := range uint64(60) {
		dice := rand.New(rand.NewPCG(seed, 0))
		now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
		cfg := graphsim.Defaults()
		cfg.Seed, cfg.Users, cfg.Chats, cfg.MaxMembers, cfg.Rate = seed, 1+dice.IntN(5), 1+dice.IntN(30), 1+dice.IntN(5), 3000
		cfg.Edits, cfg.Lateness.Max, cfg.Limits.PerSecond, cfg.Content.BadItems = 1, 100*time.Millisecond, 0, 0.05
		cfg.Faults.Truncate, cfg.Faults.InternalError, cfg.Quirks.Duplicates, cfg.Quirks.EmptyPage = 0.1, 0.1, 0.1, 0.2
		cfg.Quirks.TimeSkew, cfg.Quirks.LaggingCopy = float64(seed%2)/2, float64(seed%3)/4
		cfg.Now = func() time.Time { return now }
		sim, err := graphsim.Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		token, err := sim.AccessToken(cfg.Access.Roles, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		type name struct{ ChatID, ID, ETag string }
		shown, found := map[name]bool{}, map[name]bool{}
		for range 3 {
			now = now.Add(60 * time.Millisecond)
			for _, user := range sim.Users() {
				for link := sim.URL() + "/v1.0/users/" + user + "/chats/getAllMessages?$top=100"; link != ""; {
					request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
					request.Header.Set("Authorization", "Bearer "+token)
					answer := httptest.NewRecorder()
					sim.ServeHTTP(answer, request)
					var page struct {
						Link  string `json:"@odata.nextLink"`
						Value []name
					}
					if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &page) != nil {
						continue
					}
					for _, item := range page.Value {
						shown[item] = true
					}
					link = page.Link
				}
			}
		}
		var lines bytes.Buffer
		if err := sim.WriteLedger(&lines); err != nil {
			t.Fatal(err)
		}
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		strict := json.NewDecoder(strings.NewReader(lines.String()))
		strict.DisallowUnknownFields()
		for strict.More() {
			var line ledgerLine
			if err := strict.Decode(&line); err != nil {
				t.Fatalf("seed %d: the judge does not know the ledger's format: %v", seed, err)
			}
		}
		read, err := readLedger(&lines, func(int) {})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for at := range read.versions {
			v := &read.versions[at]
			m := &read.messages[v.message]
			n := name{read.chats[m.chat].id, m.id, v.etag}
			if read.surelyShown(int32(at)) != shown[n] {
				t.Errorf("seed %d: shown: %v; %s", seed, shown[n], read.name(int32(at)))
			}
			found[n] = shown[n] // bad items may share what is left of their names
		}
		for n := range shown {
			if !found[n] {
				t.Errorf("seed %d: %v was shown and is not in the ledger", seed, n)
			}
		}
		if len(shown) < 100 {
			t.Errorf("seed %d: only %d versions", seed, len(shown))
		}
	}
}
