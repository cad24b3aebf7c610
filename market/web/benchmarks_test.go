package web_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// upload sends a form with a file.
func (v *visitor) upload(path, file, content string, head map[string]string, pairs ...string) page {
	v.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w.WriteField(pairs[i], pairs[i+1])
	}
	if file != "" {
		part, err := w.CreateFormFile("file", file)
		if err != nil {
			v.t.Fatal(err)
		}
		part.Write([]byte(content))
	}
	w.Close()
	all := map[string]string{"Content-Type": w.FormDataContentType()}
	for k, h := range head {
		all[k] = h
	}
	return v.send("POST", path, &b, all)
}

func TestOperatorsManageBenchmarks(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "root", Operator: true}, "correct horse"); err != nil {
		t.Fatal(err)
	}
	ada, root, stranger := as(t, m, "ada"), as(t, m, "root"), browse(t, m)
	var rows strings.Builder
	rows.WriteString("content,mood\n")
	for i := range 30 {
		fmt.Fprintf(&rows, "sealed sentence %d,%s\n", i, []string{"good", "bad"}[i%2])
	}
	form := []string{"name", "moods", "title", "Moods <b>", "task", "text-classification", "metric", "macro_f1", "language", "en", "text", "content", "label", "mood"}

	// Nobody but operators, and from no other site.
	for _, path := range []string{"/admin/benchmarks", "/admin/benchmark?name=moods"} {
		ada.wants(ada.get(path), http.StatusForbidden)
		stranger.wants(stranger.get(path), http.StatusSeeOther)
	}
	ada.wants(ada.upload("/admin/benchmarks", "x.csv", rows.String(), nil, form...), http.StatusForbidden)
	ada.wants(ada.post("/admin/benchmark?name=moods", "action", "remove", "confirm", "moods"), http.StatusForbidden)
	stranger.wants(stranger.upload("/admin/benchmarks", "x.csv", rows.String(), nil, form...), http.StatusSeeOther)
	for _, head := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}} {
		root.wants(root.upload("/admin/benchmarks", "x.csv", rows.String(), head, form...), http.StatusForbidden, "another site")
		root.wants(root.do("POST", "/admin/benchmark?name=moods", url.Values{"action": {"retire"}}, head), http.StatusForbidden, "another site")
	}

	// What cannot be a benchmark says why, and what was typed stays.
	for _, c := range []struct {
		file, content string
		change        []string
		want          string
	}{
		{"", "", nil, "no file was sent"},
		{"x.csv", "a,b\n1,2\n", nil, "content"},
		{"x.csv", "content,mood\nx,good\ny,bad\n", nil, "it has 2 rows with a label"},
		{"../../x.csv", rows.String(), []string{"name", "No name!"}, "use letters, digits"},
		{"x.csv", rows.String(), []string{"metric", "beauty"}, "is none of the kind class"},
		{"x.csv", rows.String(), []string{"task", "fill-mask"}, "cannot be measured by the kind class"},
		{"x.csv", rows.String(), []string{"title", strings.Repeat("x", 121)}, "the title has 121 characters"},
		{"x.csv", "content,mood\n" + strings.Repeat("a,only\n", 30), nil, "it has 1 labels"},
	} {
		p := root.wants(root.upload("/admin/benchmarks", c.file, c.content, nil, append(append([]string{}, c.change...), form...)...), http.StatusBadRequest, c.want, "Seal and measure", `value="mood"`)
		if strings.Contains(p.body, "/tmp/") || strings.Contains(p.body, "xiaoyu-benchmark-") {
			t.Errorf("%q tells where this machine keeps files", c.want)
		}
	}

	p := root.wants(root.upload("/admin/benchmarks", "x.csv", rows.String(), nil, form...), http.StatusSeeOther)
	p = root.wants(root.get(p.Header.Get("Location")), 200, "Added. moods", `href="/admin/benchmark?name=moods"`, "Moods &lt;b&gt;")
	if strings.Contains(p.body, "sealed sentence") {
		t.Error("the page shows sealed rows")
	}
	root.wants(root.upload("/admin/benchmarks", "x.csv", rows.String(), nil, form...), http.StatusBadRequest, "cannot be taken")
	b, err := m.Depot.Catalogue.Benchmark(t.Context(), "moods")
	if err != nil || b.Examples != 30 || b.Metric != catalogue.MacroF1 || b.Language != "en" {
		t.Fatalf("%+v, %v", b, err)
	}

	const at = "/admin/benchmark?name=moods"
	act := func(status int, want string, pairs ...string) {
		t.Helper()
		p := root.wants(root.post(at, pairs...), status)
		if status == http.StatusSeeOther {
			p = root.get(p.Header.Get("Location"))
		}
		root.wants(p, p.StatusCode, want)
	}
	act(http.StatusSeeOther, "Saved.", "action", "save", "title", "Other moods", "description", "All of them.")
	act(http.StatusBadRequest, "a benchmark without a title", "action", "save", "title", " ")
	act(http.StatusSeeOther, "It will be measured anew.", "action", "again")
	act(http.StatusBadRequest, "there is no package", "action", "again", "package", "ada/nothing")
	act(http.StatusBadRequest, "the action", "action", "explode")
	act(http.StatusSeeOther, "Take it up again", "action", "retire")
	act(http.StatusBadRequest, "the benchmark is retired", "action", "again")
	stranger.wants(stranger.get("/benchmarks"), 200, "Other moods", "retired")
	act(http.StatusSeeOther, "Measure anew", "action", "restore")
	act(http.StatusBadRequest, "the name was not confirmed", "action", "remove", "confirm", "other")
	root.wants(root.get("/admin/audit"), 200, "add benchmark", "edit benchmark", "retire benchmark", "restore benchmark", "measure anew", "moods")
	root.wants(root.get(at+"&lang=zh"), 200, "管理基准", "重新测量", "停用")
	root.get("/?lang=en")
	act(http.StatusSeeOther, "There are no benchmarks yet", "action", "remove", "confirm", "moods")
	root.wants(root.get(at), http.StatusNotFound)
}

// TestOperatorsMakeBenchmarksOfEachKind sends the form of each kind with a file that it reads.
func TestOperatorsMakeBenchmarksOfEachKind(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "root", Operator: true}, "correct horse"); err != nil {
		t.Fatal(err)
	}
	root := as(t, m, "root")
	rows := func(head string, line func(i int) string) string {
		for i := range 24 {
			head += line(i) + "\n"
		}
		return head
	}
	for _, c := range []struct {
		kind, file, content string
		fields              []string
		task                string
		also                int
		metric              string
		labels              string
		shown               string
	}{
		{"multilabel", "x.csv", rows("text,marks\n", func(i int) string { return fmt.Sprintf("sealed %d,%s", i, []string{"good;quick", "bad", ""}[i%3]) }),
			[]string{"label", "marks", "separator", ";"}, "text-classification", 0, "micro_f1", "bad good quick", "F1 (micro)"},
		{"tokens", "x.conll", rows("", func(i int) string { return fmt.Sprintf("Ann B-PER\nsaw O\nNew B-LOC\nYork I-LOC\n%d O\n", i) }),
			nil, "token-classification", 0, "micro_f1", "LOC PER", "Entity F1"},
		{"similarity", "x.csv", rows("text,other,grade\n", func(i int) string { return fmt.Sprintf("sealed %d,sealed %d,%d", i, i+1, i%6) }),
			[]string{"pair", "other", "label", "grade"}, "sentence-similarity", 3, "spearman", "", "Spearman&#39;s ρ"},
		{"regression", "x.jsonl", rows("", func(i int) string { return fmt.Sprintf(`{"text": "sealed %d", "stars": %d.5}`, i, i%5) }),
			[]string{"label", "stars", "metric", "pearson"}, "text-classification", 1, "pearson", "", "Pearson&#39;s r"},
	} {
		fields := append([]string{"name", "of-" + c.kind, "kind", c.kind}, c.fields...)
		if c.fields == nil {
			fields = append(fields, "text", "text", "label", "label")
		} else {
			fields = append(fields, "text", "text")
		}
		p := root.wants(root.upload("/admin/benchmarks", c.file, c.content, nil, fields...), http.StatusSeeOther)
		root.wants(root.get(p.Header.Get("Location")), 200, "Added. of-"+c.kind)
		b, err := m.Depot.Catalogue.Benchmark(t.Context(), "of-"+c.kind)
		if err != nil || b.Kind != c.kind || b.Examples != 24 || b.Task != c.task || len(b.Also) != c.also || b.Metric != c.metric || strings.Join(b.Labels, " ") != c.labels {
			t.Errorf("%s: %+v, %v", c.kind, b, err)
		}
		root.wants(root.get("/benchmarks/of-"+c.kind), 200, c.shown, map[string]string{"multilabel": "Several labels", "tokens": "Entities", "similarity": "Graded pairs", "regression": "A number"}[c.kind])
	}
	root.wants(root.upload("/admin/benchmarks", "x.csv", "text,label\na,b\n", nil, "name", "x", "kind", "ranking"), http.StatusBadRequest, "the kind of benchmark &#34;ranking&#34; is not known")
	root.wants(root.get("/admin/benchmarks?lang=zh"), 200, "文本对评分", "两段文本各一列")
}
