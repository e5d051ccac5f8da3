// Package admin serves what an orchestrator, a monitoring system and people ask of a process: /healthz, /readyz, /metrics,
// /status (JSON), a page at / that shows the same, and, if asked for, /debug/pprof/.
//
// It promises that it tells nothing of any message and no secret, that the page needs nothing from any other address, and that
// nothing it serves changes anything.
//
// It must not know where what it shows comes from. There is no login: whoever reaches the address sees which users are
// suspended. That is the network's affair (ADMIN_ADDRESS, a NetworkPolicy).
package admin
