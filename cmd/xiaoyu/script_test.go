package main

import (
	"archive/zip"
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/xiaoyu-slm/xiaoyu/hub/hubtest"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

func TestMain(m *testing.M) {
	// Scripts wait for much: for a market that does not answer, for a minute's part to pass. Twice as many as there are
	// processors run beside each other, unless -parallel says otherwise.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"xiaoyu": func() { os.Exit(run(os.Args[1:])) }})
}

var update = flag.Bool("update", false, "write the output that scripts compare with")

// TestScripts runs the command lines of testdata: one file a command, with the wrong uses in it.
func TestScripts(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(serveSite))
	t.Cleanup(site.Close) // after the scripts, which run beside each other
	setup := func(e *testscript.Env) error {
		e.Setenv("SITE", site.URL)
		return nil
	}
	commands := map[string]func(*testscript.TestScript, bool, []string){"hub": func(ts *testscript.TestScript, _ bool, args []string) { startHub(t, ts, args) },
		"startmarket": func(ts *testscript.TestScript, _ bool, _ []string) { startMarket(t, ts) }, "hostilezip": hostileZip}
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: setup, UpdateScripts: *update, Cmds: commands, Condition: func(cond string) (bool, error) {
		return cond == "root" && os.Getuid() == 0, nil
	}})
}

// startHub is the command `hub NAME FOLDER`: both hubs, which have one model, with the files of a folder.
func startHub(t *testing.T, ts *testscript.TestScript, args []string) {
	m, err := hubtest.Folder(ts.MkAbs(args[1]))
	ts.Check(err)
	s := hubtest.New(t, map[string]*hubtest.Model{args[0]: m})
	for _, name := range []string{"HF_ENDPOINT", "MODELSCOPE_ENDPOINT"} {
		ts.Setenv(name, s.URL)
	}
	for _, name := range []string{"HF_HOME", "MODELSCOPE_CACHE"} {
		ts.Setenv(name, ts.MkAbs(name))
	}
}

// startMarket is the command `startmarket`: a market at $MARKET, a token of its account ada in the file token.txt, one with the scope
// admin in admin.txt, one of the account bob in bob.txt, and one of the operator root in root.txt.
func startMarket(t *testing.T, ts *testscript.TestScript) {
	m := markettest.Start(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1}}) // its accounts are new
	ts.Setenv("MARKET", m.URL)
	_, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "root", Operator: true}, "")
	ts.Check(err)
	for file, token := range map[string]string{"token.txt": m.Token(t, "ada", catalogue.Write), "admin.txt": m.Token(t, "ada", catalogue.Admin), "bob.txt": m.Token(t, "bob", catalogue.Write),
		"root.txt": m.Token(t, "root", catalogue.Admin)} {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(token+"\n"), 0o600))
	}
}

// hostileZip is the command `hostilezip FILE`: an archive with an entry that would leave its folder.
func hostileZip(ts *testscript.TestScript, _ bool, args []string) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.Create("../../evil")
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// serveSite is what scripts fetch from: a feed of two pages, and a page that robots.txt keeps.
func serveSite(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/robots.txt":
		fmt.Fprint(w, "User-agent: *\nDisallow: /kept\n")
	case "/feed.xml":
		w.Header().Set("Content-Type", "application/rss+xml")
		fmt.Fprint(w, `<rss version="2.0"><channel><title>News</title><item><title>One</title><link>/1</link><description>The first.</description></item><item><title>Two</title><link>/2</link></item></channel></rss>`)
	case "/1":
		fmt.Fprint(w, `<html><body><nav>menu</nav><article><h1>One</h1><p>The first story, told at some length, so that it is one.</p></article></body></html>`)
	default:
		http.NotFound(w, r)
	}
}
