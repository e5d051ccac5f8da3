package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// get asks a handler and returns the answer with its body.
func get(t *testing.T, h http.Handler, path string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w, w.Body.String()
}

func served(profile bool, s Status) http.Handler {
	return handler(Config{Gatherer: prometheus.NewRegistry(), Ready: func() []string { return s.Reasons },
		Status: func(context.Context) Status { return s }, Profile: profile})
}

func TestHandler_ABrowserLoadsNothingFromElsewhere(t *testing.T) {
	h := served(true, Status{})
	paths := []string{"/", "/page.js", "/style.css", "/icon.svg", "/status", "/readyz", "/healthz", "/metrics", "/debug/pprof/", "/no-such"}
	for _, path := range paths {
		answer, _ := get(t, h, path)
		policy := answer.Header().Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") || answer.Header().Get("X-Content-Type-Options") != "nosniff" || answer.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, answer.Header())
		}
	}
	elsewhere := regexp.MustCompile(`(?i)(src|href|url\(|@import|fetch\()[^\n]*(https?:)?//`)
	for path, asset := range assets {
		answer, body := get(t, h, strings.TrimSuffix(path, "{$}"))
		if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != asset.contentType || body == "" {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Header().Get("Content-Type"))
		}
		if found := elsewhere.FindString(body); found != "" {
			t.Errorf("%s leads elsewhere: %s", path, found)
		}
	}
}

// What is shown comes from Graph, Kafka and logs. It becomes text, and never a part of the page.
func TestHandler_WhatIsShownIsText(t *testing.T) {
	const evil = `</script><img src=x onerror=alert(1)>`
	s := Status{Reasons: []string{evil}, Tenants: []Tenant{{Suspended: []Suspended{{User: evil, Detail: evil}}}}}
	answer, body := get(t, served(false, s), "/status")
	if answer.Header().Get("Content-Type") != "application/json" || strings.Contains(body, "<") {
		t.Errorf("%s: %s", answer.Header().Get("Content-Type"), body)
	}
	var back Status
	if err := json.Unmarshal([]byte(body), &back); err != nil || back.Tenants[0].Suspended[0].User != evil {
		t.Errorf("%v %+v", err, back)
	}
	_, script := get(t, served(false, s), "/page.js")
	for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("} {
		if strings.Contains(script, way) {
			t.Errorf("the page uses %s", way)
		}
	}
}

func TestHandler_ProfilesOnlyOnRequest(t *testing.T) {
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile", "/debug/pprof/cmdline"} {
		if answer, _ := get(t, served(false, Status{}), path); answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
	if answer, body := get(t, served(true, Status{}), "/debug/pprof/goroutine?debug=1"); answer.Code != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("%d", answer.Code)
	}
}

func TestHandler_NothingCanBeChanged(t *testing.T) {
	for _, path := range []string{"/", "/status", "/readyz", "/debug/pprof/symbol"} {
		w := httptest.NewRecorder()
		served(true, Status{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader("x")))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
}

// secret is a value like the configuration's.
type secret struct{}

func (secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

func TestRecent_KeepsTheLastWarningsWhateverTheLogsLevel(t *testing.T) {
	var recent Recent
	var written strings.Builder
	log := slog.New(recent.Watch(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelError}))).With("tenant", "t")
	log.Info("of no interest")
	for i := range maxRecent {
		log.Warn("warning", "n", i)
	}
	log.WithGroup("kafka").Error("last", "password", secret{}, "long", strings.Repeat("ü", maxField))
	events := recent.Events()
	if len(events) != maxRecent || events[0].Message != "last" || events[1].Fields[1] != (Field{"n", fmt.Sprint(maxRecent - 1)}) ||
		events[maxRecent-1].Fields[1].Value != "1" {
		t.Fatalf("%+v", events)
	}
	fields := events[0].Fields
	if fields[0] != (Field{"tenant", "t"}) || fields[1] != (Field{"kafka.password", "[redacted]"}) {
		t.Errorf("%+v", fields)
	}
	if long := fields[2].Value; len(long) > maxField+len("…") || !utf8.ValidString(long) {
		t.Errorf("%d bytes", len(long))
	}
	if lines := strings.Count(written.String(), "\n"); lines != 1 || !strings.Contains(written.String(), "msg=last") {
		t.Errorf("the log has %d lines: %s", lines, written.String())
	}
}
