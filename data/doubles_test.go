package data

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestNearDuplicatesAreDroppedWhereAnEarlierRowStays(t *testing.T) {
	c := config()
	c.Rows.NearDoubles = 0.8
	p, err := NewPass(c)
	if err != nil {
		t.Fatal(err)
	}
	const s = "这家酒店的房间很干净，服务也很好，位置方便"
	for _, row := range []struct {
		text, pair, label string
		keep              bool
	}{
		{s, "", "1", true},
		{s + "！！", "", "1", false},
		{s + "的", "", "0", false},
		{s + "，可惜早餐不好吃，隔音也差", "", "1", true},
		{s, "另一个完全不同的句子在这里", "1", true}, // a pair is both of its texts
		{"好", "", "1", true},
		{"坏", "", "1", true},
	} {
		if got := p.Clean(&Example{Text: row.text, Pair: row.pair, Label: row.label}); got != row.keep {
			t.Errorf("%s: kept %v, want %v", row.text, got, row.keep)
		}
	}
	if p.Report.Near != 2 || p.Report.Out != 5 {
		t.Errorf("%+v", p.Report)
	}
}

func TestFindDoublesKeepsTheLongestWhereAsked(t *testing.T) {
	c := config()
	c.Path = write(t, "a.csv", []byte("text,label\n房间很干净服务很好早餐不错,1\n房间很干净服务很好早餐不错哦,1\n差,0\n"))
	for keep, want := range map[string]string{"": "房间很干净服务很好早餐不错 差", "longest": "房间很干净服务很好早餐不错哦 差"} {
		d, err := FindDoubles(context.Background(), c, DoublesOptions{Threshold: 0.8, Keep: keep, Examples: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for i, e := range d.examples {
			if d.kept[i] {
				left = append(left, e.Text)
			}
		}
		if got := strings.Join(left, " "); got != want || d.Kept != 2 {
			t.Errorf("keep %q: %s", keep, got)
		}
	}
}

func TestGroupsOfDifferentLabelsAreShownFirst(t *testing.T) {
	c := config()
	var rows strings.Builder
	rows.WriteString("text,label\n")
	for i := range 10 {
		fmt.Fprintf(&rows, "房间很干净服务很好早餐不错%s,1\n", strings.Repeat("！", i))
	}
	rows.WriteString("when will my card arrive,a\nwhen will my card arrive?,b\n")
	c.Path = write(t, "a.csv", []byte(rows.String()))
	d, err := FindDoubles(context.Background(), c, DoublesOptions{Threshold: 0.8, Examples: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Examples) != 2 || d.Conflicts != 1 || d.Examples[0].Members[1].Label != "b" || d.Examples[1].Size != 10 || len(d.Examples[1].Members) != shownMembers {
		t.Errorf("%+v", d.Examples)
	}
}
