package trial

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// devtools is a Chromium without a window that is told what to do through a pair of pipes: messages of the DevTools
// protocol, each ended by a zero byte (https://chromedevtools.github.io/devtools-protocol; --remote-debugging-pipe).
type devtools struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	profile string
	session string // of the page
	last    int    // number of the last command
	stopped context.CancelFunc
}

// message is what comes from the browser: the answer to a command, or an event, which has no number.
type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func startDevtools(ctx context.Context, path string) (*devtools, error) {
	if runtime.GOOS == "windows" {
		return nil, hint.Errorf("verify it on Linux or macOS", "exports for browsers are not run here on Windows")
	}
	profile, err := os.MkdirTemp("", "xiaoyu-browser-*")
	if err != nil {
		return nil, hint.Wrap(err, "set TMPDIR to a folder that you may write to", "starting a browser")
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	d := &devtools{in: ourOut, out: bufio.NewReader(ourIn), profile: profile, stopped: stop}
	args := []string{"--headless", "--remote-debugging-pipe", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--no-default-browser-check", "--user-data-dir=" + profile}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // which Chromium insists on under root
	}
	d.cmd = exec.CommandContext(ctx, path, append(args, "about:blank")...)
	d.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	d.cmd.WaitDelay = 5 * time.Second
	err = d.cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		stop()
		os.RemoveAll(profile)
		return nil, hint.Wrap(err, "name another in XIAOYU_CHROMIUM", "starting %s", path)
	}
	if err := d.attach(); err != nil {
		d.stop()
		return nil, hint.Wrap(err, "name another in XIAOYU_CHROMIUM", "talking to %s", path)
	}
	return d, nil
}

// attach takes hold of a page.
func (d *devtools) attach() error {
	var page struct {
		TargetID string `json:"targetId"`
	}
	if err := d.do("Target.createTarget", map[string]any{"url": "about:blank"}, &page, started); err != nil {
		return err
	}
	var session struct {
		SessionID string `json:"sessionId"`
	}
	if err := d.do("Target.attachToTarget", map[string]any{"targetId": page.TargetID, "flatten": true}, &session, started); err != nil {
		return err
	}
	d.session = session.SessionID
	return d.do("Network.enable", nil, nil, started)
}

// do sends a command and waits for its answer.
func (d *devtools) do(method string, params, result any, within time.Duration) error {
	d.last++
	command := map[string]any{"id": d.last, "method": method}
	if params != nil {
		command["params"] = params
	}
	if d.session != "" {
		command["sessionId"] = d.session
	}
	content, err := json.Marshal(command)
	if err != nil {
		return err
	}
	late := time.AfterFunc(within, d.stopped)
	defer late.Stop()
	if _, err := d.in.Write(append(content, 0)); err != nil {
		return fmt.Errorf("the browser has ended: %w", err)
	}
	for {
		line, err := d.out.ReadBytes(0)
		if err != nil {
			return fmt.Errorf("the browser has ended, or did not answer within %v: %w", within, err)
		}
		var m message
		if err := json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m); err != nil {
			return fmt.Errorf("the browser said %.100q: %w", line, err)
		}
		switch {
		case m.ID != d.last: // an event
		case m.Error != nil:
			return fmt.Errorf("the browser refuses %s: %s", method, m.Error.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

// offline cuts the network off.
func (d *devtools) offline() error {
	return d.do("Network.emulateNetworkConditions", map[string]any{"offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}, nil, started)
}

// open goes to an address.
func (d *devtools) open(url string) error {
	var gone struct {
		ErrorText string `json:"errorText"`
	}
	err := d.do("Page.navigate", map[string]any{"url": url}, &gone, started)
	if err == nil && gone.ErrorText != "" {
		err = fmt.Errorf("the browser cannot open %s: %s", url, gone.ErrorText)
	}
	return err
}

// evaluate runs an expression of JavaScript in the page, waits for what it promises, and returns the string that comes.
func (d *devtools) evaluate(expression string, within time.Duration) (string, error) {
	var done struct {
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err := d.do("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &done, within)
	if err == nil && done.Exception != nil {
		first, _, _ := bytes.Cut([]byte(done.Exception.Text+" "+done.Exception.Exception.Description), []byte("\n"))
		err = fmt.Errorf("the page says %s", bytes.TrimSpace(first))
	}
	return done.Result.Value, err
}

// stop ends the browser and removes its profile.
func (d *devtools) stop() {
	d.in.Close()
	d.stopped()
	_ = d.cmd.Wait() // it was stopped
	for range 10 {   // its helpers outlive it by a moment, in which they write there again
		_ = os.RemoveAll(d.profile)
		time.Sleep(50 * time.Millisecond)
		if _, err := os.Lstat(d.profile); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}
