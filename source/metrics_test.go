package source

import (
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// What comes with 200 and is not a page has failed.
func TestMetrics_CountRequestsByWhatCameOfThem(t *testing.T) {
	for outcome, body := range map[string]string{
		"ok":                    emptyPage,
		ErrMalformed.Error():    "<html>",
		ErrRefusedLink.Error():  `{"value":[],"@odata.nextLink":"https://elsewhere.invalid/"}`,
		ErrUnavailable.Error():  "",
		ErrUnauthorized.Error(): "",
	} {
		t.Run(outcome, func(t *testing.T) {
			g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
				switch outcome {
				case ErrUnavailable.Error():
					return 500, nil, body
				case ErrUnauthorized.Error():
					return 401, nil, body
				}
				return 200, nil, body
			}}
			c := g.client()
			_, _ = c.Page(t.Context(), c.MessagesURL("u", 0, 1, 1, Query{}))
			if n := testutil.ToFloat64(c.metrics.requests.WithLabelValues("messages", outcome)); n != float64(len(g.requests)) {
				t.Errorf("%d requests, counted %v times", len(g.requests), n)
			}
			if n := testutil.CollectAndCount(c.metrics.requests); n != 1 {
				t.Errorf("%d outcomes are counted", n)
			}
		})
	}
}

// An age grows while nobody reports, and is not told by a process that has given the tenant away.
func TestMetrics_AgesGrowByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		m := NewMetrics(registry)
		oldest := func() float64 {
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "teams_connector_oldest_mark_age_seconds" {
					return f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			return -1
		}
		if age := oldest(); !math.IsNaN(age) {
			t.Errorf("before anything is known it is %v", age)
		}
		m.oldest.Store(time.Now().Add(-time.Minute).UnixMilli())
		<-time.After(time.Hour)
		if age := oldest(); age != 3660 {
			t.Errorf("an hour later it is %v", age)
		}
		m.Released()
		if age := oldest(); !math.IsNaN(age) {
			t.Errorf("once the tenant is gone it is %v", age)
		}
	})
}
