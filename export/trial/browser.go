package trial

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/payload"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// browsers are the names of Chromium on the path, behind what XIAOYU_CHROMIUM says.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "chrome"}

func browser() (string, error) {
	for _, name := range append([]string{os.Getenv("XIAOYU_CHROMIUM")}, browsers...) {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", hint.Errorf("install it (on Debian chromium), or name it in XIAOYU_CHROMIUM", "there is no Chromium here: %s are not on the path", strings.Join(browsers, ", "))
}

// started is how long a browser and the model in it may take to be there, and answered how long one query may.
const (
	started  = 2 * time.Minute
	answered = 2 * time.Minute
)

// openPage opens a page that holds its model.
func openPage(ctx context.Context, path string) (*Program, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	files, err := filesOfPage(data)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// The page's own script asks globalThis.xiaoyuAsk; it is there when the script has run.
	const ready = `new Promise((done) => { const look = () => globalThis.xiaoyuAsk ? done(globalThis.xiaoyuAsk({texts: [""], pairs: PAIRS, top_k: 1}).then(() => "")) : setTimeout(look, 20); look(); })`
	p := &Program{Kind: "page", Bytes: int64(len(data)), files: files}
	p.asked, err = startBrowser(ctx, "file://"+filepath.ToSlash(absolute), nil, ready, "globalThis.xiaoyuAsk", p)
	return p, err
}

// packed finds what a page holds in base64.
var packed = regexp.MustCompile(`(?s)<script type="text/plain" id="model">([A-Za-z0-9+/=\s]*)</script>`)

// filesOfPage is the package in a page.
func filesOfPage(page []byte) (*payload.Files, error) {
	found := packed.FindSubmatch(page)
	if found == nil {
		return nil, hint.Errorf("name a page that `xiaoyu export --to web` made", "the page holds no model")
	}
	data, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(found[1])))
	if err == nil {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			data, err = io.ReadAll(io.LimitReader(z, 1<<30))
		}
	}
	var files *payload.Files
	if err == nil {
		files, err = payload.Read(data)
	}
	if err != nil {
		return nil, hint.Wrap(err, "export it again", "reading the model in the page")
	}
	return files, nil
}

// openFolder serves a folder for browsers on this machine alone, and opens it in a page of no content.
func openFolder(ctx context.Context, dir string) (*Program, error) {
	archive, err := os.ReadFile(filepath.Join(dir, "model.zip"))
	if err != nil {
		return nil, err
	}
	files, err := payload.Read(archive)
	if err != nil {
		return nil, hint.Wrap(err, "export it again", "reading the model in the folder")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>model</title>")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go server.Serve(listener) // until it is closed
	const ready = `import("/index.js").then(async ({ open }) => { const m = await open(); globalThis.xiaoyuAsk = async ({ texts, pairs }) => ({ predictions: m.predict(pairs ? texts.map((t, i) => [t, pairs[i]]) : texts) }); return ""; })`
	p := &Program{Kind: "folder for JavaScript", files: files}
	if entries, err := os.ReadDir(dir); err == nil {
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				p.Bytes += info.Size()
			}
		}
	}
	p.asked, err = startBrowser(ctx, "http://"+listener.Addr().String()+"/page", server, ready, "globalThis.xiaoyuAsk", p)
	return p, err
}

// inBrowser is a model in a page of Chromium.
type inBrowser struct {
	*devtools
	server *http.Server // of the page; nil if it is a file
	call   string       // the function that is asked
}

// startBrowser opens a page in a new Chromium, cuts the network off where the page needs none any more, and waits until the
// model is ready. It closes what was opened where that fails.
func startBrowser(ctx context.Context, page string, server *http.Server, ready, call string, p *Program) (_ asked, err error) {
	b := &inBrowser{server: server, call: call}
	defer func() {
		if err != nil {
			b.close()
			p.files.Close()
		}
	}()
	path, err := browser()
	if err != nil {
		return nil, err
	}
	m, err := model.OpenFS(p.files, "the model") // which checks that it is whole
	if err != nil {
		return nil, err
	}
	pairs := "undefined"
	if m.Config.Pair {
		pairs = `[""]`
	}
	if b.devtools, err = startDevtools(ctx, path); err != nil {
		return nil, err
	}
	if server == nil {
		if err := b.offline(); err != nil {
			return nil, err
		}
	}
	if err := b.open(page); err != nil {
		return nil, err
	}
	if _, err := b.evaluate(strings.ReplaceAll(ready, "PAIRS", pairs), started); err != nil {
		return nil, err
	}
	p.Kind += ", by " + filepath.Base(path)
	return b, b.offline()
}

func (b *inBrowser) clean(q model.Query) model.Query {
	q.Text, q.Pair = strings.ToValidUTF8(q.Text, "\uFFFD"), strings.ToValidUTF8(q.Pair, "\uFFFD")
	return q
}

func (b *inBrowser) ask(_ context.Context, m *model.Model, q model.Query) (model.Prediction, error) {
	request := map[string]any{"texts": []string{q.Text}}
	if m.Config.Pair {
		request["pairs"] = []string{q.Pair}
	}
	content, err := json.Marshal(request)
	if err != nil {
		return model.Prediction{}, err
	}
	said, err := b.evaluate(fmt.Sprintf("%s(%s).then(JSON.stringify)", b.call, content), answered)
	if err != nil {
		return model.Prediction{}, err
	}
	var answer struct {
		Predictions []json.RawMessage `json:"predictions"`
	}
	if err := json.Unmarshal([]byte(said), &answer); err != nil || len(answer.Predictions) != 1 {
		return model.Prediction{}, fmt.Errorf("the page answers %.100q", said)
	}
	return readAnswer(m, answer.Predictions[0])
}

func (b *inBrowser) close() error {
	if b.devtools != nil {
		b.stop()
	}
	if b.server != nil {
		return b.server.Close()
	}
	return nil
}
