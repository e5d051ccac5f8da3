//go:build deploy

package deploy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is a headless Chromium, spoken to over a pipe by its DevTools protocol.
type browser struct {
	to *os.File

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	events  []event
	session string // of the page
	ended   error
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// event is what the browser tells unasked.
type event struct {
	Method string
	Params json.RawMessage
}

// startBrowser starts a Chromium that ends with the test, or skips the test where there is none.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("!!! NOT RUN: there is no Chromium (Debian: apt-get install chromium)")
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--headless", "--remote-debugging-pipe", "--user-data-dir=" + t.TempDir(), "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"}
	if os.Geteuid() == 0 { // its sandbox refuses to run as root
		args = append(args, "--no-sandbox")
	}
	cmd := exec.Command(path, append(args, "about:blank")...)
	cmd.ExtraFiles = []*os.File{theirs, written} // its file descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	_ = written.Close()
	b := &browser{to: ours, waiting: make(map[int]chan reply)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(answers)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with the processes it has started, which are its group
		_ = cmd.Wait()
		_ = ours.Close()
		<-read
		_ = answers.Close()
	})
	return b
}

func (b *browser) read(answers *os.File) {
	in := bufio.NewReader(answers)
	for {
		text, err := in.ReadBytes(0)
		var message struct {
			ID int
			event
			reply
		}
		if err == nil {
			err = json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &message)
		}
		b.mu.Lock()
		switch answer, asked := b.waiting[message.ID]; {
		case err != nil:
			b.ended = fmt.Errorf("the browser has hung up: %w", err)
			for _, waiting := range b.waiting {
				close(waiting)
			}
			b.waiting = nil
			b.mu.Unlock()
			return
		case asked:
			delete(b.waiting, message.ID)
			answer <- message.reply
		case message.Method != "":
			b.events = append(b.events, message.event)
		}
		b.mu.Unlock()
	}
}

// call gives the browser a command and returns what it answers.
func (b *browser) call(t *testing.T, ctx context.Context, method string, params map[string]any, result any) {
	t.Helper()
	if err := b.try(ctx, method, params, result); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
}

func (b *browser) try(ctx context.Context, method string, params map[string]any, result any) error {
	answer := make(chan reply, 1)
	b.mu.Lock()
	if b.ended != nil {
		b.mu.Unlock()
		return b.ended
	}
	b.next++
	b.waiting[b.next] = answer
	message := map[string]any{"id": b.next, "method": method, "params": params}
	if params == nil {
		message["params"] = map[string]any{}
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case got, open := <-answer:
		switch {
		case !open:
			return errors.New("the browser has hung up")
		case got.Error != nil:
			return errors.New(got.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(got.Result, result)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// open makes a tab of a size and a color scheme and leads it to an address.
func (b *browser) open(t *testing.T, ctx context.Context, address, scheme string, width, height int, phone bool) {
	t.Helper()
	b.session = ""
	var target struct{ TargetID string }
	b.call(t, ctx, "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call(t, ctx, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Audits"} {
		b.call(t, ctx, domain+".enable", nil, nil)
	}
	b.call(t, ctx, "Emulation.setDeviceMetricsOverride",
		map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}, nil)
	b.call(t, ctx, "Emulation.setEmulatedMedia",
		map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.call(t, ctx, "Page.navigate", map[string]any{"url": address}, nil)
}

// evaluate gives the value of an expression in the page.
func (b *browser) evaluate(t *testing.T, ctx context.Context, expression string, value any) {
	t.Helper()
	var result struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	b.call(t, ctx, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &result)
	if result.ExceptionDetails != nil {
		t.Fatalf("%s: %s", expression, result.ExceptionDetails.Text)
	}
	if err := json.Unmarshal(result.Result.Value, value); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
}

// await looks until an expression holds in the page.
func (b *browser) await(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	tolerant := "(() => { try { return Boolean(" + expression + ") } catch { return false } })()" // there may be no body yet
	for holds := false; ; {
		if b.evaluate(t, ctx, tolerant, &holds); holds {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			text := ""
			b.evaluate(t, context.WithoutCancel(ctx), "document.body.innerText", &text)
			t.Fatalf("it did not come about that %s; the page shows\n%s", expression, text)
		}
	}
}

// screenshot writes a picture of the whole page.
func (b *browser) screenshot(t *testing.T, ctx context.Context, file string) {
	t.Helper()
	var shot struct{ Data string }
	b.call(t, ctx, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// complaints are errors in the console, and requests that went elsewhere than to root.
func (b *browser) complaints(t *testing.T, root string) (complaints []string, requests int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		switch e.Method {
		case "Runtime.exceptionThrown", "Audits.issueAdded", "Network.loadingFailed":
			complaints = append(complaints, e.Method+" "+string(e.Params))
		case "Log.entryAdded", "Runtime.consoleAPICalled":
			complaints = append(complaints, e.Method+" "+string(e.Params))
		case "Network.requestWillBeSent":
			var sent struct{ Request struct{ URL string } }
			if err := json.Unmarshal(e.Params, &sent); err != nil {
				t.Fatal(err)
			}
			requests++
			if !strings.HasPrefix(sent.Request.URL, root+"/") {
				complaints = append(complaints, "a request to "+sent.Request.URL)
			}
		}
	}
	return complaints, requests
}
