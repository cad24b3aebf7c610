package data

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sides returns the side of each text.
func sides(s *Set) map[string]Side {
	out := map[string]Side{}
	for at, part := range s.Parts {
		for _, r := range part {
			out[r.Text] = Side(at)
		}
	}
	return out
}

// unlike returns n texts that have little in common.
func unlike(n int) []string {
	words := strings.Fields("房间 服务 早餐 位置 前台 态度 很好 一般 不错 糟糕 干净 安静 便宜 方便 热情 失望 推荐 下次 还来 不会 酒店 客服 物流 手机 屏幕 电池 包装 颜色 尺码 面料")
	var out []string
	for i := range n {
		var b strings.Builder
		for k := range 12 {
			b.WriteString(words[int(digest64(fmt.Sprint(i, " ", k))%uint64(len(words)))])
		}
		out = append(out, b.String())
	}
	return out
}

// rowsCSV makes a file of rows "text,label,group,time".
func rowsCSV(rows [][4]string) string {
	var b strings.Builder
	b.WriteString("text,label,who,when\n")
	for _, r := range rows {
		b.WriteString(strings.Join(r[:], ",") + "\n")
	}
	return b.String()
}

func TestNearDoublesStayTogether(t *testing.T) {
	var rows [][4]string
	for i, s := range unlike(400) {
		for k := range 1 + i%3 {
			rows = append(rows, [4]string{s + []string{"", "。", "了"}[k], fmt.Sprint(i % 2), fmt.Sprint(i), "2024-01-01"})
		}
	}
	check := func(name string, rows [][4]string, change func(c *Config)) map[string]Side {
		set, err := load(t, rowsCSV(rows), change)
		if err != nil {
			t.Fatal(name, err)
		}
		at := sides(set)
		var n [3]int
		for _, s := range unlike(400) {
			for _, end := range []string{"。", "了"} {
				if side, ok := at[s+end]; ok && side != at[s] {
					t.Errorf("%s: %q is %s, its double %s", name, s, at[s], side)
				}
			}
			n[at[s]]++
		}
		if n[Test] < 40 || n[Test] > 130 || n[Validation] < 10 {
			t.Errorf("%s: sides of %v", name, n)
		}
		if set.Together.Groups != 266 || set.Together.Rows != 266+399 || set.Together.Moved == 0 {
			t.Errorf("%s: %+v", name, set.Together)
		}
		return at
	}
	before := check("as they come", rows, nil)
	turned := slices.Clone(rows)
	slices.Reverse(turned)
	for text, side := range check("backwards", turned, nil) {
		if before[text] != side {
			t.Errorf("%q changes its side with the order of the file", text)
		}
	}
	// By time: the latest decides, so a text of long ago goes to the test part with its double of today.
	for i := range rows {
		rows[i][3] = fmt.Sprintf("2024-%02d-%02d", 1+i*7919%12, 1+i*104729%28)
	}
	check("by time", rows, func(c *Config) { c.Split.By, c.Time = "time", "when" })
}

func TestGroupsOfOneColumnStayTogetherAndJoinThroughNearDoubles(t *testing.T) {
	var rows [][4]string
	texts := unlike(600)
	for i, s := range texts {
		rows = append(rows, [4]string{s, fmt.Sprint(i % 2), fmt.Sprint("author ", i/6), "2024-01-01"})
	}
	for i := 0; i < 600; i += 60 { // authors 0 and 5, 10 and 15, … have copied from each other
		rows = append(rows, [4]string{texts[i] + "哦", "1", fmt.Sprint("author ", (i+30)/6), "2024-01-01"})
	}
	set, err := load(t, rowsCSV(rows), func(c *Config) { c.Split.By, c.Group = "group", "who" })
	if err != nil {
		t.Fatal(err)
	}
	at := sides(set)
	var n [3]int
	for i, s := range texts {
		if at[s] != at[texts[i/6*6]] {
			t.Errorf("author %d is on two sides", i/6)
		}
		if i%60 == 0 && (at[s+"哦"] != at[s] || at[s] != at[texts[i+30]]) {
			t.Errorf("authors %d and %d share a text and are on two sides", i/6, (i+30)/6)
		}
		n[at[s]]++
	}
	if n[Test] == 0 || n[Validation] == 0 || n[Train] < 300 {
		t.Errorf("sides of %v", n)
	}
	if _, err := load(t, rowsCSV(rows), func(c *Config) { c.Split.By = "group" }); err == nil {
		t.Error("a split by group needs its column")
	}
}

func TestTheLatestRowsAreTheTestPart(t *testing.T) {
	var rows [][4]string
	for i, s := range unlike(200) {
		rows = append(rows, [4]string{s, fmt.Sprint(i % 2), "a", fmt.Sprintf("2024/%d/%d 10:00", 1+i*37%12, 1+i*11%28)})
	}
	set, err := load(t, rowsCSV(rows), func(c *Config) { c.Split.By, c.Time = "time", "when" })
	if err != nil {
		t.Fatal(err)
	}
	when := map[string]float64{}
	for _, r := range rows {
		keys, err := timeKeys([]waiting{{time: r[3]}})
		if err != nil {
			t.Fatal(err)
		}
		when[r[0]] = keys[0]
	}
	last := 0.0
	for side, part := range set.Parts {
		least, most := when[part[0].Text], when[part[0].Text]
		for _, r := range part {
			least, most = min(least, when[r.Text]), max(most, when[r.Text])
		}
		if least <= last {
			t.Errorf("%s begins at %v, the part before it ends at %v", Side(side), least, last)
		}
		last = most
	}
	if n := len(set.Parts[Test]); n < 38 || n > 48 {
		t.Errorf("%d test rows of 200", n)
	}
	rows[7][3] = "yesterday"
	if _, err := load(t, rowsCSV(rows), func(c *Config) { c.Split.By, c.Time = "time", "when" }); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("a time that is none: %v", err)
	}
}

func TestATemplateDoesNotTurnTheSplitOver(t *testing.T) {
	set, err := load(t, numbered(900), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := len(set.Parts[Test])
	if set.Together.Broken == 0 || n < 90 || n > 270 {
		t.Errorf("%+v, %d of 900 rows for the test", set.Together, n)
	}
	if !strings.Contains(strings.Join(set.Notes, "\n"), "too large for one side") {
		t.Errorf("notes %q", set.Notes)
	}
}

func TestNearDoublesFollowARareClass(t *testing.T) {
	// A text of the test part, alone in its class, whose double has another label.
	s := Split{Test: 0.2, Validation: 0.1}
	texts := unlike(2000)
	at := slices.IndexFunc(texts, func(x string) bool { return s.Side(x) == Test })
	lone := texts[at]
	rows := [][4]string{{lone, "rare", "", ""}, {lone + "哦", "0", "", ""}}
	for i, x := range texts[1000:] {
		rows = append(rows, [4]string{x, fmt.Sprint(i % 2), "", ""})
	}
	set, err := load(t, rowsCSV(rows), nil)
	if err != nil {
		t.Fatal(err)
	}
	if now := sides(set); now[lone] != Train || now[lone+"哦"] != Train {
		t.Errorf("%s, its double %s", now[lone], now[lone+"哦"])
	}
}

func TestTestRowsThatAreTrainedOnAreNoted(t *testing.T) {
	texts := unlike(100)
	var rows, tests [][4]string
	for i, x := range texts {
		rows = append(rows, [4]string{x, fmt.Sprint(i % 2), "", ""})
	}
	for i, x := range texts[:3] {
		tests = append(tests, [4]string{x + "呀", fmt.Sprint(i % 2), "", ""})
	}
	tests = append(tests, [4]string{texts[5], "1", "", ""}, [4]string{"一句新的话没有见过", "1", "", ""})
	set, err := load(t, rowsCSV(rows), func(c *Config) { c.Test = write(t, "test.csv", []byte(rowsCSV(tests))) })
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(set.Notes, "\n")
	if !strings.Contains(notes, "3 of the 4 test rows left are near doubles") || !strings.Contains(notes, "1 rows of") {
		t.Errorf("notes %q", set.Notes)
	}
}

func TestTimesAreReadInManyForms(t *testing.T) {
	forms := []string{"2024-03-01", "2024/3/2", "20240303", "2024年3月4日", "2024-03-05 08:00", "2024-03-05T09:00:00", "2024-03-06T00:00:00+08:00", "Thu, 07 Mar 2024 08:00:00 +0000"}
	var rows []waiting
	for _, f := range forms {
		rows = append(rows, waiting{time: " " + f + " "})
	}
	keys, err := timeKeys(rows)
	if err != nil || !slices.IsSortedFunc(keys, func(a, b float64) int { return cmp.Compare(a, b) }) {
		t.Errorf("%v, %v", keys, err)
	}
	if keys, err := timeKeys([]waiting{{time: "9"}, {time: "10.5"}, {time: "1709251200"}}); err != nil || keys[0] != 9 || keys[2] != 1709251200 {
		t.Errorf("%v, %v", keys, err)
	}
	for _, bad := range []string{"", "soon", "2024-13-01"} {
		if _, err := timeKeys([]waiting{{time: bad}}); err == nil {
			t.Errorf("%q was taken for a time", bad)
		}
	}
}

func TestTheLeakCheckFindsNothingInOurSplit(t *testing.T) {
	var rows [][4]string
	rng := rand.New(rand.NewPCG(5, 5))
	texts := unlike(500)
	for i, s := range texts {
		rows = append(rows, [4]string{s, fmt.Sprint(i % 2), "", ""})
		for range rng.IntN(4) { // copies of copies, each with two characters changed
			r := []rune(s)
			for range 2 {
				r[rng.IntN(len(r))] = []rune(texts[rng.IntN(len(texts))])[0]
			}
			s = string(r)
			rows = append(rows, [4]string{s, fmt.Sprint(i % 2), "", ""})
		}
	}
	for _, near := range []float64{0, 0.8} {
		set, err := load(t, rowsCSV(rows), func(c *Config) { c.Split.Near = near })
		if err != nil {
			t.Fatal(err)
		}
		files, err := set.WriteParts(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		c := config()
		c.Path, c.Test = files[Train], files[Test]
		l, err := FindLeaks(context.Background(), c, LeakOptions{Threshold: 0.8}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if l.Found() != (near == 0) || l.TestRows < 50 {
			t.Errorf("data.split.near %v: %d of %d test rows are near doubles of rows for training", near, l.Rows, l.TestRows)
		}
	}
}
