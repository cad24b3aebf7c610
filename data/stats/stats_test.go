package stats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

// compute writes a file and computes its statistics.
func compute(t *testing.T, name, content string, change func(c *data.Config)) *Report {
	t.Helper()
	c := &data.Config{}
	conf.Defaults(c)
	c.Path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(c.Path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(c)
	}
	r, err := Compute(context.Background(), c, Options{Threshold: 0.8, Listed: 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plain is a file without anything suspicious: rows that differ, in two labels.
func plain(rows int) string {
	words := [2][]string{strings.Fields("干净 热情 好吃 方便 安静 满意 推荐"), strings.Fields("肮脏 冷漠 难吃 偏僻 吵闹 失望 投诉")}
	common := strings.Fields("房间 服务 早餐 位置 前台 大堂 电梯 空调 浴室 窗户 走廊 停车场 餐厅 泳池 枕头")
	var b strings.Builder
	b.WriteString("text,label\n")
	for i := range rows {
		own := words[i%2]
		fmt.Fprintf(&b, "%s%s而且%s%s还有%s和%s,%s\n", common[i%15], own[i%7], common[(i*7+3)%15], own[(i/3)%7], common[(i*11+5)%15], common[(i/2)%15], []string{"好评", "差评"}[i%2])
	}
	return b.String()
}

func TestFiguresOfAFile(t *testing.T) {
	r := compute(t, "a.csv", "text,label\n好,1\nThe cat saw the cat,0\n我爱北京天安门,1\n很好,1\n", nil)
	if r.Rows != 4 || r.Chars.Least != 1 || r.Chars.Most != 19 || r.Chars.Mean != (1+19+7+2)/4.0 {
		t.Errorf("characters %+v", r.Chars)
	}
	// 好; the cat saw the cat; 我 爱 北京 天安门; 很 好 or 很好
	if r.Words.Most != 5 || r.Words.Least != 1 || r.Vocabulary.Tokens < 11 || r.Vocabulary.Tokens > 12 {
		t.Errorf("words %+v, %+v", r.Words, r.Vocabulary)
	}
	if len(r.Labels) != 2 || r.Labels[0].Label != "1" || r.Labels[0].Rows != 3 || r.Labels[0].Share != 0.75 {
		t.Errorf("labels %+v", r.Labels)
	}
	n := 0
	for _, d := range []Distribution{r.Chars, r.Words} {
		for _, b := range d.Bins {
			n += b.Count
		}
	}
	if n != 2*r.Rows {
		t.Errorf("bins hold %d rows of %d", n, 2*r.Rows)
	}
	if r.Language["zh"] != 3 || r.Language["en"] != 1 {
		t.Errorf("languages %v", r.Language)
	}
}

func TestScriptsAreToldApart(t *testing.T) {
	for text, want := range map[string]int{
		"的": hanBoth, "说": hanSimplified, "說": hanTraditional, "㐀": hanRare, "a": latin, "é": latin, "7": digit, "７": digit, "，": punctuation, "!": punctuation,
		"😀": emoji, "か": kana, "한": hangul, "ж": cyrillic, "ع": otherLetter, "+": otherSymbol, "\uFFFD": broken,
	} {
		if got := kindOf([]rune(text)[0]); got != want {
			t.Errorf("%q is of kind %s, want %s", text, kindNames[got][0], kindNames[want][0])
		}
	}
}

func TestTypicalWordsSpeakForTheirLabel(t *testing.T) {
	r := compute(t, "a.csv", plain(200), nil)
	for _, l := range r.Labels {
		var words []string
		for _, w := range l.Words {
			words = append(words, w.Word)
		}
		good, bad := "干净 热情 好吃 方便 安静 满意 推荐", "肮脏 冷漠 难吃 偏僻 吵闹 失望 投诉"
		if l.Label == "差评" {
			good, bad = bad, good
		}
		if len(words) < 5 {
			t.Errorf("%s: only %v", l.Label, words)
		}
		for _, w := range words[:min(5, len(words))] {
			if strings.Contains(bad, w) || !strings.Contains(good, w) {
				t.Errorf("%s: %q of %v", l.Label, w, words)
			}
		}
	}
}

func TestSuspiciousRowsAreListedWithLineAndReason(t *testing.T) {
	content := plain(200)
	line := strings.Count(content, "\n") // of the last row so far
	want := map[string][]int{}
	add := func(kind, text, label string) {
		line++
		if kind != "" {
			want[kind] = append(want[kind], line)
		}
		content += text + "," + label + "\n"
	}
	add("empty", "", "好评")
	add("no label", "这家店的装修风格很别致", "")
	add("symbols", "？？？？？？？？？？？？呢", "差评")
	add("short", "呢", "差评")
	add("conflict", "电梯坏了三天没有人来修理", "差评")
	add("conflict", "电梯坏了三天没有人来修理！", "好评")
	add("mojibake", "æˆ¿é—´å¾ˆå¹²å‡€", "好评")
	add("mojibake", "鎴块棿寰堝共鍑€", "好评")
	add("mojibake", "锟斤拷锟斤拷这是什么东西", "好评")
	add("mojibake", "坏掉\uFFFD\uFFFD的文字在这里面", "好评")
	add("language", "the lobby was spacious and the staff friendly", "好评")
	add("long", strings.Repeat("这一次的旅行经历了太多不愉快的事情", 20)+"完", "差评")
	add("repeats", "真是太好了吧哈哈哈哈哈哈哈哈哈哈哈哈", "好评")
	add("rare label", "洗衣房的机器需要硬币才能用", "投诉单")
	add("label spelling", "毛巾更换得很及时没有异味", "好 评")
	for i := range 6 {
		add("boilerplate", fmt.Sprintf("第%d次入住体验%s。本评论由系统自动生成仅供参考请勿转载", i, []string{"差", "好", "一般般", "还算行", "很糟", "不错哦"}[i]), "差评")
	}
	r := compute(t, "a.csv", content, nil)
	got := map[string][]int{}
	for _, s := range r.Suspicious {
		got[s.Kind] = append(got[s.Kind], s.Line)
		if s.Reason == "" {
			t.Errorf("%+v has no reason", s)
		}
	}
	for kind, lines := range want {
		if kind == "mojibake" || kind == "repeats" || kind == "rare label" { // other rows may have the label or the letters as well
			for _, l := range lines {
				if !strings.Contains(fmt.Sprint(got[kind]), fmt.Sprint(l)) {
					t.Errorf("%s: lines %v, want %d among them", kind, got[kind], l)
				}
			}
			continue
		}
		if fmt.Sprint(got[kind]) != fmt.Sprint(lines) {
			t.Errorf("%s: lines %v, want %v", kind, got[kind], lines)
		}
	}
	if len(r.Repeated) != 1 || r.Repeated[0].Rows != 6 {
		t.Errorf("repeated %+v", r.Repeated)
	}
	if r.Doubles.Near.Groups < 1 || r.Doubles.Near.Conflicts != 1 {
		t.Errorf("doubles %+v", r.Doubles.Near)
	}
}

func TestNothingIsSuspiciousOfAPlainFile(t *testing.T) {
	r := compute(t, "a.csv", plain(120), nil)
	if len(r.Suspicious) != 0 || len(r.Kinds) != 0 {
		t.Errorf("%+v", r.Suspicious)
	}
}

func TestMojibakeIsNoChineseOrFrench(t *testing.T) {
	for _, s := range []string{"宾馆在小街道上，不大好找，但还好北京热心同胞很多", "Où êtes-vous allés, à l'hôtel près de là ? Déjà vu, naïve", "北京", "Müller ß €", "。。。", "ÃƒÂ", "“quotes” and – dashes…"} {
		if what := mojibake(s); what != "" && s != "ÃƒÂ" {
			t.Errorf("%q: %s", s, what)
		}
	}
}

func TestNumbersAreNoClasses(t *testing.T) {
	var b strings.Builder
	b.WriteString("text,label\n")
	for i := range 60 {
		fmt.Fprintf(&b, "text about %d things,%.1f\n", i*i, float64(i)/2)
	}
	r := compute(t, "a.csv", b.String(), nil)
	if r.Numbers == nil || r.Labels != nil || r.Numbers.Most != 29.5 {
		t.Errorf("numbers %+v, labels %+v", r.Numbers, r.Labels)
	}
}

func TestAwkwardNumbersAreDescribed(t *testing.T) {
	for _, values := range [][]float64{{0}, {-3.5, -1, 2}, {1e300, 1e300}, {-1e308, 1e308}, {-1e308, 1e308, 1e308}, {-math.MaxFloat64, math.MaxFloat64, math.MaxFloat64}, {5e-324, 1}, {0.001, 0.002, 0.003}} {
		d := distribution(values)
		n := 0
		for _, b := range d.Bins {
			n += b.Count
		}
		if n != len(values) || d.Least != slices.Min(values) || d.Bins[0].Low > d.Least {
			t.Errorf("%v: %+v", values, d)
		}
	}
}

func TestManyCopiesAndManyLabelsTakeNoTime(t *testing.T) {
	var b strings.Builder
	b.WriteString("text,label\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "好,label%d\n", i)
	}
	r := compute(t, "a.csv", b.String(), nil)
	var page bytes.Buffer
	if err := r.HTML(&page, "a"); err != nil || page.Len() > 1<<20 || r.Kinds[0].Rows != 10_000 {
		t.Errorf("%d bytes of a page, %v, %+v", page.Len(), err, r.Kinds)
	}
}

func TestEntitiesAreCounted(t *testing.T) {
	content := "John B-PER\nSmith I-PER\nmet O\nParis B-PER\n. O\n\nParis B-LOC\nis O\nnice O\n\nno O\nnames O\n\n"
	r := compute(t, "a.conll", content, func(c *data.Config) { c.Columns.Text, c.Columns.Label, c.Format = "1", "2", "conll" })
	e := r.Entities
	if e == nil || e.Count != 3 || e.Rows != 2 || len(e.Types) != 2 || e.Types[0].Type != "PER" || e.Types[0].Longest != 10 || e.Types[0].Different != 2 {
		t.Fatalf("%+v", e)
	}
	if len(e.Ambiguous) != 1 || e.Ambiguous[0].Text != "Paris" || e.Ambiguous[0].list() != "LOC 1, PER 1" {
		t.Errorf("ambiguous %+v", e.Ambiguous)
	}
}

func TestPagesAndTablesOfAnyFile(t *testing.T) {
	for name, content := range map[string]string{
		"plain":   plain(60),
		"one row": "text,label\n好,1\n",
		"empties": "text,label\n,\n ,\n,x\n",
		"hostile": "text,label\n<script>alert(1)</script>,<b>\n\"</style>\",\"\"\"'><i>\"\n",
	} {
		r := compute(t, "a.csv", content, nil)
		var page, table bytes.Buffer
		if err := r.HTML(&page, "<a> & b"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.Text(&table)
		if !strings.Contains(table.String(), "suspicious rows") || !strings.Contains(table.String(), "scripts") {
			t.Errorf("%s: %s", name, &table)
		}
		z, depth := html.NewTokenizer(&page), 0
		for z.Next() != html.ErrorToken {
			switch tag := z.Token(); {
			case tag.Data == "script" || tag.Data == "i" || strings.HasPrefix(tag.Data, "http"):
				t.Errorf("%s: the page has an element %q", name, tag.Data)
			case tag.Type == html.StartTagToken && tag.Data == "table":
				depth++
			case tag.Type == html.EndTagToken && tag.Data == "table":
				depth--
			}
		}
		if depth != 0 {
			t.Errorf("%s: tables are not closed", name)
		}
	}
}

func TestInterruption(t *testing.T) {
	c := &data.Config{}
	conf.Defaults(c)
	c.Path = filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(c.Path, []byte(plain(2000)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"counting", "comparing", "sentences"} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Compute(ctx, c, Options{Threshold: 0.8}, func(stage string, _, _ int64) {
			if stage == at {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted while %s: %v", at, err)
		}
		cancel()
	}
}
