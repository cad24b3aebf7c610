package market_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// TestTheIndexInMemoryAnswersAsTheDatabaseDoes searches over HTTP, before a market has its index in memory and after that:
// by the API, the hub's and the page, as a stranger and as an owner. What is published and deleted then shows at once.
func TestTheIndexInMemoryAnswersAsTheDatabaseDoes(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	ada, stranger := connect(t, m.URL, token), connect(t, m.URL, "")
	publish := func(name, title string, private bool) {
		t.Helper()
		dir := folder(t, 1, 10)
		if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(strings.Replace(markettest.Card, "# Test", "# "+title, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if private {
			if err := ada.Create(t.Context(), client.NewPackage{Name: "ada/" + name, Kind: "model", Private: true}); err != nil {
				t.Fatal(err)
			}
		}
		push(t, ada, dir, "ada/"+name+":1.0.0")
	}
	publish("hotels", "酒店评论情感分析", false)
	publish("moods", "Sentiment of tweets", false)
	publish("hidden", "Sentiment of letters", true)
	finds := func(c *client.Client, text string, want int) {
		t.Helper()
		if found, err := c.Search(t.Context(), client.Search{Text: text}); err != nil || found.Total != want {
			t.Errorf("%q finds %+v, %v; want %d", text, found, err, want)
		}
	}
	paths := []string{"/api/v1/packages?q=sentiment", "/api/v1/packages?q=情感&licence=mit", "/api/v1/packages?q=sent&sort=updated&limit=1&offset=1", "/api/v1/packages?q=sentimant", "/api/v1/packages?q=absent", "/api/v1/packages",
		"/api/models?search=moods", "/search?q=sentiment&kind=model", "/search?q=情感&lang=zh", "/search.atom?q=酒店"}
	before := map[string]string{}
	for _, path := range paths {
		before[path], before["own "+path] = answer(t, m.URL+path, ""), answer(t, m.URL+path, token)
	}
	if m.Depot.Catalogue.Indexed() || before[paths[0]] == before["own "+paths[0]] || !strings.Contains(before[paths[1]], "ada/hotels") {
		t.Errorf("there is an index, or nothing is found: %s", before[paths[1]])
	}
	m.KeepIndex(t)
	for _, path := range paths {
		for who, by := range map[string]string{"": "", "own ": token} {
			if after := answer(t, m.URL+path, by); after != before[who+path] {
				t.Errorf("%s%s: the database says\n%s\nand the index\n%s", who, path, before[who+path], after)
			}
		}
	}
	for range 20 { // each change is seen by the search that follows it
		publish("fresh", "Weather reports", false)
		finds(stranger, "weather", 1)
		if err := connect(t, m.URL, m.Token(t, "ada", catalogue.Admin)).Delete(t.Context(), "ada/fresh", ""); err != nil {
			t.Fatal(err)
		}
		finds(stranger, "weather", 0)
	}
	finds(stranger, "sentiment", 2)
	finds(ada, "sentiment", 3)
}

// answer is what is at an address, for the owner of a token.
func answer(t *testing.T, at, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", at, a.Status, err, body)
	}
	return string(body)
}
