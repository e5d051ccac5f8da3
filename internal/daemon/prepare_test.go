package daemon

import (
	"net/http"
	"strings"
	"testing"
)

// A registry that denies PUT /config but lets the account register does not keep the connector from
// starting; what to check is said once.
func TestDaemon_ARegistryThatDeniesTheLevelIsAcceptedWithAWarning(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	s.Registry.Fake().Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		denied := r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/config")
		if denied {
			http.Error(w, `{"error_code":40301,"message":"no write compatibility"}`, http.StatusForbidden)
		}
		return denied
	})
	s.run(t)
	until(t, "it is ready", func() bool { return len(s.daemon.NotReady()) == 0 })
	if n := strings.Count(s.log.String(), "subject has no compatibility level"); n != 1 {
		t.Errorf("%d warnings, want one:\n%s", n, s.log.String())
	}
	for _, want := range []string{"no write compatibility", "have FULL_TRANSITIVE set", "BACKWARD"} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the warning lacks %q", want)
		}
	}
}
