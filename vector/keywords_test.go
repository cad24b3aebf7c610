package vector

import (
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

func TestKeywordsTellPartsApart(t *testing.T) {
	seg, err := text.NewSegmenter()
	if err != nil {
		t.Fatal(err)
	}
	w := NewKeywords(3, seg)
	for cluster, texts := range [][]string{
		{"酒店的房间很干净", "房间有点小，但酒店服务不错", "这家酒店 2019 年装修的"},
		{"手机很贵，电池不耐用", "这个手机的电池太差了", "the battery is bad"},
		{},
	} {
		for _, s := range texts {
			w.Add(int32(cluster), s)
		}
	}
	got := w.Top(4)
	if !slices.Contains(got[0], "酒店") || !slices.Contains(got[0], "房间") || !slices.Contains(got[1], "手机") || !slices.Contains(got[1], "电池") || len(got[2]) != 0 {
		t.Errorf("%v", got)
	}
	for _, words := range got {
		for _, word := range []string{"的", "了", "2019", "the", "is"} {
			if slices.Contains(words, word) {
				t.Errorf("%q is a keyword of %v", word, words)
			}
		}
	}
}
