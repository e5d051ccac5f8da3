//go:build deploy

package deploy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/test/process"
)

// The admin page is looked at in a real browser, on a phone and on a desktop, in light and in dark, while messages flow and
// some users cannot be read. Pictures of it: go test -tags deploy ./test/deploy -run Page -artifacts -outputdir <folder>.
func TestPage_IsReadableEverywhereAndLoadsNothingFromElsewhere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	b := startBrowser(t)
	// A name that would run if it became a part of the page.
	evil := `"><img src=x onerror=document.body.dataset.run=1>@example.com`
	address, tenant := startShown(t, ctx, evil)
	backgrounds := make(map[string]string)
	for _, look := range []struct {
		name, scheme  string
		width, height int
		phone         bool
	}{
		{"phone-light", "light", 390, 844, true},
		{"phone-dark", "dark", 390, 844, true},
		{"desktop-light", "light", 1280, 900, false},
		{"desktop-dark", "dark", 1280, 900, false},
	} {
		b.open(t, ctx, address+"/", look.scheme, look.width, look.height, look.phone)
		for _, text := range []string{"polling", tenant, "access denied", "user not found", evil, "(this one)", "user suspended", "up to 1 min"} {
			b.await(t, ctx, fmt.Sprintf("document.body.innerText.includes(%q)", text))
		}
		b.await(t, ctx, "parseFloat([...document.querySelectorAll('dt')].find(e => e.textContent === 'written')?.nextSibling.textContent) > 0")
		var shown, first string
		b.evaluate(t, ctx, "document.body.dataset.shown", &first)
		b.await(t, ctx, fmt.Sprintf("document.body.dataset.shown !== %q", first)) // it looks again by itself
		b.evaluate(t, ctx, "getComputedStyle(document.body).backgroundColor", &shown)
		backgrounds[look.scheme] = shown
		var wide int
		b.evaluate(t, ctx, "document.documentElement.scrollWidth", &wide)
		if wide > look.width {
			t.Errorf("%s: the page is %d pixels wide", look.name, wide)
		}
		var foreign bool
		b.evaluate(t, ctx, "document.querySelector('img') !== null || document.body.dataset.run !== undefined", &foreign)
		if foreign {
			t.Errorf("%s: a user's name became a part of the page", look.name)
		}
		b.screenshot(t, ctx, filepath.Join(t.ArtifactDir(), look.name+".png"))
	}
	if backgrounds["light"] == backgrounds["dark"] {
		t.Errorf("light and dark are %s", backgrounds["light"])
	}
	complaints, requests := b.complaints(t, address)
	if len(complaints) > 0 || requests < 4*5 {
		t.Errorf("%d requests, complaints:\n%s", requests, strings.Join(complaints, "\n"))
	}
	t.Logf("%d requests, none elsewhere; pictures in %s", requests, t.ArtifactDir())
}

// startShown starts a connector in its own process, with everything it needs, and returns the root of its admin
// address and the tenant.
func startShown(t *testing.T, ctx context.Context, stranger string) (address, tenant string) {
	t.Helper()
	dir := t.TempDir()
	cfg := graphsim.Defaults()
	cfg.Dir, cfg.Seed, cfg.Users, cfg.Chats, cfg.Rate = dir, 7, 12, 20, 40
	cfg.Lateness = graphsim.Lateness{Max: 2 * time.Second, Share: 0.4, Shape: 2}
	cfg.Content.BadItems, cfg.Access.Forbidden = 0.02, 0.2
	sim, err := graphsim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	binary := filepath.Join(dir, "connector")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/connector")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the connector: %v\n%s", err, out)
	}
	users := filepath.Join(dir, "users")
	if err := os.WriteFile(users, []byte(stranger+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run")
	cmd.Env = []string{"HOME=" + os.Getenv("HOME")}
	for name, value := range (config.Settings{
		ConnectorName: "page", GraphEndpoint: sim.URL(), GraphCAFile: dir + "/ca.pem", AzureAuthorityHost: sim.AuthorityURL(), AzureTenantID: sim.TenantID(),
		AzureClientID: sim.ClientID(), AzureClientSecret: sim.ClientSecret(), SourceUsers: strings.Join(sim.Users(), ","), SourceUsersFile: users,
		SourcePollInterval: "400ms", SourceLookbacks: "1s,2s,4s", KafkaBrokers: strings.Join(kafka.Brokers(), ","), CommitInterval: "200ms",
		AdminAddress: "127.0.0.1:0", LogFormat: "text",
	}).Variables() {
		if value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	p := process.Start(t, "connector", cmd)
	line, _ := p.WaitFor(t, ctx, 0, "admin endpoints are served")
	return "http://" + regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(line)[1], sim.TenantID()
}
