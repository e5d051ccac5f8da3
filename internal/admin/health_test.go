package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAskHealth_AnAnswerOtherThan200IsAFailure(t *testing.T) {
	other := serve(t, http.NotFoundHandler())
	if err := AskHealth(t.Context(), other, time.Minute); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want the status", err)
	}
}

func TestAskHealth_ASilentProcessIsGivenUp(t *testing.T) {
	answer := make(chan struct{})
	silent := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-answer }))
	defer close(answer)
	if err := AskHealth(t.Context(), silent, 50*time.Millisecond); err == nil {
		t.Error("a process that never answers counts as alive")
	}
}

func TestReachable_AServerOnAllAddressesIsAskedOnLoopback(t *testing.T) {
	for listened, asked := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:8080": "127.0.0.1:8080", "[::]:8080": "[::1]:8080",
		"10.0.0.7:9090": "10.0.0.7:9090", "localhost:8080": "localhost:8080", "[fd00::7]:8080": "[fd00::7]:8080",
	} {
		if got := reachable(listened); got != asked {
			t.Errorf("%s is asked at %s, want %s", listened, got, asked)
		}
	}
}

// serve answers on loopback until the test ends, and returns host:port.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
