package thirdparty

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// startMarket gives a test a market, and huggingface_hub an empty cache and ada's token for it.
func startMarket(t *testing.T) *markettest.Market { return startMarketWith(t, market.Options{}) }

func startMarketWith(t *testing.T, o market.Options) *markettest.Market {
	if os.Getenv("XIAOYU_PYTHON") == "" {
		t.Skip("needs XIAOYU_PYTHON")
	}
	m := markettest.Start(t, o)
	for name, value := range map[string]string{
		"HF_ENDPOINT": m.URL, "HF_HOME": t.TempDir(), "HF_TOKEN": m.Token(t, "ada", catalogue.Write), "HF_HUB_CACHE": "", "HF_HUB_OFFLINE": "", "HF_HUB_DISABLE_XET": "",
		"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
	} {
		if t.Setenv(name, value); value == "" {
			os.Unsetenv(name)
		}
	}
	return m
}

// runMarketCheck has market_check.py do a task, and reads what it prints.
func runMarketCheck(t *testing.T, into any, args ...string) {
	t.Helper()
	out := python(t, "market_check.py", args...)
	if err := json.Unmarshal([]byte(out[strings.LastIndexByte(out, '\n')+1:]), into); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// agree compares facts as JSON.
func agree(t *testing.T, what string, got any, want string) {
	t.Helper()
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != want {
		t.Errorf("%s: %s, want %s", what, b, want)
	}
}

// TestHuggingfaceHubPublishesToAMarket has the real huggingface_hub do all that it does on its own hub.
func TestHuggingfaceHubPublishesToAMarket(t *testing.T) {
	m := startMarket(t)
	var got map[string]any
	runMarketCheck(t, &got, "publish")
	info := got["info"].(map[string]any)
	files := `["README.md","config.json","empty.txt","model.safetensors","onnx/model.onnx"]`
	for what, c := range map[string][2]any{
		"whoami":    {got["whoami"], `"ada"`},
		"url":       {got["url"], `"` + m.URL + `/ada/reviews"`},
		"again":     {got["again"], `"HfHubHTTPError"`},
		"id":        {info["id"], `"ada/reviews"`},
		"task":      {info["task"], `"text-classification"`},
		"licence":   {info["licence"], `"mit"`},
		"tags":      {info["tags"], `["text-classification","reviews","zh","license:mit"]`},
		"files":     {info["files"], strings.Replace(files, `]`, `,"vocab.txt"]`, 1)},
		"first":     {got["first"], files},
		"exists":    {got["exists"], `[true,false,false,false]`},
		"paths":     {got["paths"], `[["vocab.txt",14,true]]`},
		"commits":   {got["commits"], `["Upload vocab.txt with huggingface_hub","first"]`},
		"likes":     {got["likes"], `[200,1,["ada/reviews"],0]`},
		"refs":      {got["refs"], `["refs/heads/dev","refs/heads/main","refs/tags/v1"]`},
		"dev":       {got["dev"], `["README.md","config.json","dev.txt","empty.txt","model.safetensors","vocab.txt"]`},
		"same":      {got["same"], `true`},
		"verified":  {got["verified"], `true`},
		"rows":      {got["rows"], `["ada/rows"]`},
		"listed":    {got["listed"], `["ada/c","ada/reviews"]`},
		"searched":  {got["searched"], `["ada/reviews"]`},
		"moved":     {got["moved"], `["ada/moved","README.md"]`},
		"gone":      {got["gone"], `[false,false]`},
		"conflict":  {got["conflict"], `"HfHubHTTPError"`},
		"tree size": {len(got["tree"].([]any)), `7`},
	} {
		agree(t, what, c[0], c[1].(string))
	}
}

// TestHuggingfaceHubToldWhatIsWrongByAMarket has its exceptions tell apart what is private, gated, and not there.
func TestHuggingfaceHubToldWhatIsWrongByAMarket(t *testing.T) {
	m := startMarket(t)
	var got map[string]any
	runMarketCheck(t, &got, "errors", m.Token(t, "eve", catalogue.Write))
	for who, want := range map[string]string{
		"ada":         `{"absent":"RepositoryNotFoundError","check":"","file":"RemoteEntryNotFoundError","gated":"","gated info":"","private":"","private info":"","revision":"RevisionNotFoundError","write":""}`,
		"eve":         `{"absent":"RepositoryNotFoundError","check":"GatedRepoError","file":"GatedRepoError","gated":"GatedRepoError","gated info":"","private":"RepositoryNotFoundError","private info":"RepositoryNotFoundError","revision":"RevisionNotFoundError","write":"HfHubHTTPError"}`,
		"stranger":    `{"absent":"RepositoryNotFoundError","check":"GatedRepoError","file":"GatedRepoError","gated":"GatedRepoError","gated info":"","private":"RepositoryNotFoundError","private info":"RepositoryNotFoundError","revision":"RevisionNotFoundError","write":"HfHubHTTPError"}`,
		"granted":     `""`,
		"accepted":    `["eve"]`,
		"wrong token": `"HfHubHTTPError"`,
	} {
		agree(t, who, got[who], want)
	}
}

// TestHuggingfaceHubKeepsCollectionsOnAMarket has the real huggingface_hub make, fill, arrange, find and delete them.
func TestHuggingfaceHubKeepsCollectionsOnAMarket(t *testing.T) {
	m := startMarket(t)
	var got map[string]any
	runMarketCheck(t, &got, "collections")
	const slug = `"ada/客服-models"`
	for what, want := range map[string]string{
		"made":     `[` + slug + `,"客服 Models","For customers",false,"ada","` + m.URL + `/collections/ada/客服-models"]`,
		"again":    `["HfHubHTTPError",` + slug + `]`,
		"filled":   `[["ada/reviews","model","the first",0],["ada/rows","dataset",null,1],["ada/hidden","model","not for all",2]]`,
		"twice":    `["HfHubHTTPError",3]`,
		"arranged": `[["ada/hidden","hidden"],["ada/reviews","the first"],["ada/rows",null]]`,
		"stranger": `["ada/reviews","ada/rows"]`,
		"private":  `"HfHubHTTPError"`,
		"listed":   `[[["ada/other",0],[` + slug + `,3]],[[` + slug + `,2]],[[` + slug + `,3]],[["ada/other",0]],[]]`,
		"renamed":  `["ada/other","Another",false]`,
		"left":     `["ada/hidden","ada/rows"]`,
		"gone":     `"HfHubHTTPError"`,
	} {
		agree(t, what, got[what], want)
	}
}

// cutter passes requests on to a market, and breaks off the first answer that is long, after some of it.
type cutter struct {
	proxy  *httputil.ReverseProxy
	after  int
	cut    atomic.Bool
	ranges atomic.Int64 // requests that went on within a file
	sent   atomic.Int64 // bytes
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if from := r.Header.Get("Range"); strings.HasPrefix(from, "bytes=") && !strings.HasPrefix(from, "bytes=0-") {
		c.ranges.Add(1)
	}
	c.proxy.ServeHTTP(&cutWriter{w, c, 0}, r)
}

type cutWriter struct {
	http.ResponseWriter
	c *cutter
	n int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if w.n += len(p); w.n > w.c.after && w.c.cut.CompareAndSwap(false, true) {
		panic(http.ErrAbortHandler)
	}
	w.c.sent.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

// TestHuggingfaceHubGoesOnAfterACut loads a model over a line that breaks within a file.
func TestHuggingfaceHubGoesOnAfterACut(t *testing.T) {
	m := startMarket(t)
	const size = 32 << 20
	runMarketCheck(t, new(struct{}), "stage")
	target, err := url.Parse(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{proxy: httputil.NewSingleHostReverseProxy(target), after: 25 << 20}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: c}}
	s.Start()
	t.Cleanup(s.Close)
	t.Setenv("HF_ENDPOINT", s.URL)
	t.Setenv("HF_HOME", t.TempDir())
	var got struct {
		Error string
		Sizes map[string]int64
	}
	for range 2 { // it goes on by itself, or when it is started again
		if runMarketCheck(t, &got, "snapshot", "ada/big"); got.Error == "" {
			break
		}
	}
	if got.Error != "" || got.Sizes["model.safetensors"] != size {
		t.Fatalf("%+v", got)
	}
	if !c.cut.Load() || c.ranges.Load() == 0 || c.sent.Load() > size*3/2 {
		t.Errorf("cut %t, %d requests went on within a file, %d bytes for %d", c.cut.Load(), c.ranges.Load(), c.sent.Load(), size)
	}
}

// TestHuggingfaceHubSendsLargeFilesByLFS sends files that are too large for a commit, in one piece and in parts.
func TestHuggingfaceHubSendsLargeFilesByLFS(t *testing.T) {
	for what, o := range map[string]market.Options{"in one piece": {}, "in parts": {PartSize: 9_000_000}} {
		t.Run(what, func(t *testing.T) {
			startMarketWith(t, o)
			t.Setenv("HF_HUB_DISABLE_XET", "1")
			var got map[string]any
			runMarketCheck(t, &got, "large", "70000000")
			agree(t, "the file that came back", got["same"], "true")
			agree(t, "files", got["files"], `["copy.bin","weights.bin"]`)
		})
	}
}

// TestDatasetsLoadsADataSetOfAMarket has the Python package datasets read tables of each format.
func TestDatasetsLoadsADataSetOfAMarket(t *testing.T) {
	startMarket(t)
	var got map[string]any
	runMarketCheck(t, &got, "datasets")
	for format, want := range map[string]string{
		"csv":     `{"test":[["很好",1]],"train":[["太脏",0],["好, 再来",1]]}`,
		"jsonl":   `{"test":[["很好",1]],"train":[["太脏",0],["好, 再来",1]]}`,
		"parquet": `{"test":[["很好",1]],"train":[["太脏",0],["好, 再来",1]]}`,
		"stream":  `["太脏","好, 再来"]`,
		"private": `"DatasetNotFoundError"`,
	} {
		agree(t, format, got[format], want)
	}
}

// TestTheCommandLineOfHuggingfaceHubWorksWithAMarket has hf do what people do with it.
func TestTheCommandLineOfHuggingfaceHubWorksWithAMarket(t *testing.T) {
	startMarket(t)
	var got map[string]json.RawMessage
	runMarketCheck(t, &got, "command")
	for words, raw := range got {
		if words == "loaded" {
			continue
		}
		var done [3]any
		if err := json.Unmarshal(raw, &done); err != nil {
			t.Fatal(err)
		}
		if done[0] != 0.0 {
			t.Errorf("hf %s ended with %v: %v%v", words, done[0], done[1], done[2])
		}
	}
	var loaded []string
	if err := json.Unmarshal(got["loaded"], &loaded); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(loaded, []string{"README.md", "config.json"}) {
		t.Errorf("loaded %v", loaded)
	}
}
